CREATE TABLE stations (id bigint PRIMARY KEY, mac_address text NOT NULL UNIQUE, region text NOT NULL);
CREATE TABLE alarms (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region     text NOT NULL,
  raised_at  timestamptz NOT NULL,
  cleared_at timestamptz,
  message    text NOT NULL
);
CREATE INDEX ON alarms (region, raised_at);
INSERT INTO stations VALUES (1, '48:b0:2d:00:00:01', 'north'), (2, '48:b0:2d:00:00:02', 'south');
INSERT INTO alarms (region, raised_at, cleared_at, message)
SELECT 'north', now() - n * interval '1 day', CASE WHEN n % 3 > 0 THEN now() END, 'Alarm ' || n
FROM generate_series(1, 200) AS n;
