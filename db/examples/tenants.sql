-- Every table carries its customer's id.
CREATE TABLE customers (
  id       integer PRIMARY KEY,
  name     text NOT NULL,
  is_paid  boolean NOT NULL
);
CREATE TABLE terminals (
  id           integer PRIMARY KEY,
  customer_id  integer NOT NULL REFERENCES customers,
  mac_address  macaddr NOT NULL UNIQUE
);
CREATE TABLE employees (
  customer_id  integer NOT NULL REFERENCES customers,
  number       integer NOT NULL,
  name         text NOT NULL,
  pin_hash     text NOT NULL,
  salary       numeric(10, 2) NOT NULL,
  PRIMARY KEY (customer_id, number)
);
CREATE TABLE shifts (
  customer_id  integer NOT NULL REFERENCES customers,
  number       integer NOT NULL,
  employee     integer NOT NULL,
  starts_at    timestamptz NOT NULL,
  ends_at      timestamptz NOT NULL,
  PRIMARY KEY (customer_id, number)
);
INSERT INTO customers VALUES (1, 'Bakery Blum', true), (2, 'Café Central', false);
INSERT INTO terminals VALUES (1, 1, '48:b0:2d:00:00:01'), (2, 2, '48:b0:2d:00:00:02');
INSERT INTO employees VALUES
  (1, 1, 'Rosa Blum', 'f3a1', 4100), (1, 2, 'Emil Blum', '77c0', 2900), (2, 1, 'Ida Kern', '09be', 3000);
INSERT INTO shifts VALUES (1, 1, 2, '2026-11-21 04:00+01', '2026-11-21 12:00+01');
