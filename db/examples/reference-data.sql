CREATE TABLE countries (code char(2) PRIMARY KEY, name text NOT NULL, currency char(3) NOT NULL);
CREATE TABLE currencies (code char(3) PRIMARY KEY, name text NOT NULL, decimals smallint NOT NULL, hedged_at numeric(8, 4));
INSERT INTO currencies VALUES ('CHF', 'Swiss franc', 2, 0.9312), ('EUR', 'Euro', 2, NULL);
CREATE TABLE vat_rates (
  country     char(2) NOT NULL REFERENCES countries,
  category    text NOT NULL,
  valid_from  date NOT NULL,
  percent     numeric(4, 2) NOT NULL,
  PRIMARY KEY (country, category, valid_from)
);
CREATE TABLE tills (id bigint PRIMARY KEY, mac text NOT NULL UNIQUE, country char(2) NOT NULL REFERENCES countries);
INSERT INTO countries VALUES ('AT', 'Austria', 'EUR'), ('CH', 'Switzerland', 'CHF'), ('DE', 'Germany', 'EUR');
INSERT INTO vat_rates VALUES
  ('AT', 'food', '2016-01-01', 10), ('CH', 'food', '2024-01-01', 2.6), ('DE', 'food', '1983-07-01', 7);
INSERT INTO tills VALUES (1, '48b02d000001', 'AT'), (2, '48b02d000002', 'CH');
