CREATE TABLE branches (id integer PRIMARY KEY, mac_address macaddr NOT NULL UNIQUE);
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL, city text NOT NULL);
CREATE TABLE articles (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (
  id           integer PRIMARY KEY,
  branch_id    integer NOT NULL REFERENCES branches,
  customer_id  integer NOT NULL REFERENCES customers,
  ordered_on   date NOT NULL
);
CREATE TABLE order_lines (
  order_id    integer NOT NULL REFERENCES orders,
  line        integer NOT NULL,
  article_id  integer NOT NULL REFERENCES articles,
  quantity    integer NOT NULL,
  price       numeric(10, 2) NOT NULL,
  PRIMARY KEY (order_id, line)
);
INSERT INTO branches VALUES (1, '48:b0:2d:00:00:01'), (2, '48:b0:2d:00:00:02');
INSERT INTO customers VALUES (1, 'Huber', 'Wien'), (2, 'Novak', 'Linz');
INSERT INTO articles VALUES (1, 'Table'), (2, 'Chair');
INSERT INTO orders VALUES (1, 1, 1, '2026-11-02'), (2, 1, 2, '2026-11-03'), (3, 2, 2, '2026-11-03');
INSERT INTO order_lines VALUES (1, 1, 1, 1, 320), (1, 2, 2, 4, 89.9), (2, 1, 2, 2, 89.9), (3, 1, 1, 1, 310);
