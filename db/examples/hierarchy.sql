-- A tree: a plant has halls, a hall has lines, a line has machines.
CREATE TABLE places (
  id         integer PRIMARY KEY,
  parent_id  integer REFERENCES places,
  name       text NOT NULL
);
CREATE INDEX ON places (parent_id);
CREATE TABLE gateways (id integer PRIMARY KEY, mac_address macaddr NOT NULL UNIQUE, place_id integer NOT NULL REFERENCES places);
CREATE TABLE machines (
  id        integer PRIMARY KEY,
  place_id  integer NOT NULL REFERENCES places,
  name      text NOT NULL,
  limits    jsonb NOT NULL
);
CREATE INDEX ON machines (place_id);
INSERT INTO places VALUES
  (1, NULL, 'Plant Graz'), (2, 1, 'Hall A'), (3, 1, 'Hall B'), (4, 2, 'Line A1'), (5, 2, 'Line A2'), (6, 3, 'Line B1');
INSERT INTO gateways VALUES (1, '48:b0:2d:00:00:01', 2), (2, '48:b0:2d:00:00:02', 6);
INSERT INTO machines VALUES
  (1, 4, 'Press 1', '{"bar": 180}'), (2, 5, 'Press 2', '{"bar": 200}'), (3, 6, 'Oven', '{"celsius": 240}');
