--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: rivulet; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA rivulet;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: edge_mirror_chunks; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.edge_mirror_chunks (
    name text NOT NULL,
    "position" integer NOT NULL,
    digest bytea NOT NULL,
    rows integer NOT NULL,
    bytes integer NOT NULL,
    first_key text NOT NULL,
    last_key text NOT NULL
);

--
-- Name: edge_scrub_log; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.edge_scrub_log (
    id bigint NOT NULL,
    verification_id text NOT NULL,
    trigger text NOT NULL,
    status text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    duration_ms integer NOT NULL,
    tables jsonb NOT NULL,
    repair jsonb,
    error jsonb,
    CONSTRAINT edge_scrub_log_status_check CHECK ((status = ANY (ARRAY['intact'::text, 'deviating'::text, 'repaired'::text, 'failed'::text]))),
    CONSTRAINT edge_scrub_log_trigger_check CHECK ((trigger = ANY (ARRAY['schedule'::text, 'operator'::text])))
);

--
-- Name: edge_scrub_log_id_seq; Type: SEQUENCE; Schema: rivulet; Owner: -
--

ALTER TABLE rivulet.edge_scrub_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME rivulet.edge_scrub_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: edge_sync_log; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.edge_sync_log (
    id bigint NOT NULL,
    cycle_id text NOT NULL,
    trigger text NOT NULL,
    status text NOT NULL,
    manifest_id text,
    epoch integer,
    sequence bigint,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    durations jsonb NOT NULL,
    wire_bytes bigint NOT NULL,
    tables jsonb NOT NULL,
    error jsonb,
    acknowledged_at timestamp with time zone,
    CONSTRAINT edge_sync_log_status_check CHECK ((status = ANY (ARRAY['applied'::text, 'current'::text, 'failed'::text]))),
    CONSTRAINT edge_sync_log_trigger_check CHECK ((trigger = ANY (ARRAY['start'::text, 'schedule'::text, 'operator'::text, 'repair'::text])))
);

--
-- Name: edge_sync_log_id_seq; Type: SEQUENCE; Schema: rivulet; Owner: -
--

ALTER TABLE rivulet.edge_sync_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME rivulet.edge_sync_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: edge_sync_state; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.edge_sync_state (
    singleton boolean DEFAULT true NOT NULL,
    mac_address text NOT NULL,
    manifest_id text NOT NULL,
    epoch integer NOT NULL,
    sequence bigint NOT NULL,
    schema_version text NOT NULL,
    central_key text NOT NULL,
    applied_at timestamp with time zone NOT NULL,
    CONSTRAINT edge_sync_state_singleton_check CHECK (singleton)
);

--
-- Name: edge_sync_tables; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.edge_sync_tables (
    name text NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    columns jsonb NOT NULL,
    key jsonb NOT NULL,
    fingerprint text NOT NULL,
    checksum text NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    grants jsonb NOT NULL,
    on_remove text NOT NULL,
    manifest_id text NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT edge_sync_tables_on_remove_check CHECK ((on_remove = ANY (ARRAY['keep'::text, 'drop'::text])))
);

--
-- Name: migrations; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.migrations (
    id integer NOT NULL,
    "timestamp" bigint NOT NULL,
    name character varying NOT NULL
);

--
-- Name: migrations_id_seq; Type: SEQUENCE; Schema: rivulet; Owner: -
--

CREATE SEQUENCE rivulet.migrations_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: migrations_id_seq; Type: SEQUENCE OWNED BY; Schema: rivulet; Owner: -
--

ALTER SEQUENCE rivulet.migrations_id_seq OWNED BY rivulet.migrations.id;

--
-- Name: migrations id; Type: DEFAULT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.migrations ALTER COLUMN id SET DEFAULT nextval('rivulet.migrations_id_seq'::regclass);

--
-- Data for Name: edge_mirror_chunks; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.edge_mirror_chunks (name, "position", digest, rows, bytes, first_key, last_key) VALUES ('users', 0, '\xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1', 2, 12, '1', '2');
INSERT INTO rivulet.edge_mirror_chunks (name, "position", digest, rows, bytes, first_key, last_key) VALUES ('users', 1, '\xb2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2', 900, 65537, '3', '902\	end');

--
-- Data for Name: edge_scrub_log; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.edge_scrub_log (id, verification_id, trigger, status, started_at, finished_at, duration_ms, tables, repair, error) OVERRIDING SYSTEM VALUE VALUES (1, '01KAJA6B0R4T7Y2U5I8P1A3S6D', 'schedule', 'intact', '2026-11-21 03:00:00+00', '2026-11-21 03:00:04+00', 4000, '[{"name": "users", "status": "intact"}]', NULL, NULL);
INSERT INTO rivulet.edge_scrub_log (id, verification_id, trigger, status, started_at, finished_at, duration_ms, tables, repair, error) OVERRIDING SYSTEM VALUE VALUES (2, '01KAJA6C2W5E8R1T4Y7U0P3A6S', 'operator', 'repaired', '2026-11-21 09:00:00+00', '2026-11-21 09:00:02+00', 2000, '[{"name": "users", "status": "deviating"}]', '{"cycleId": "01KAJA5T8K3M6R9W2Y4D7F0H1J"}', NULL);
INSERT INTO rivulet.edge_scrub_log (id, verification_id, trigger, status, started_at, finished_at, duration_ms, tables, repair, error) OVERRIDING SYSTEM VALUE VALUES (3, '01KAJA6D4G7H0J3K6L9Z2X5C8V', 'operator', 'failed', '2026-11-21 10:00:00+00', '2026-11-21 10:00:00.01+00', 10, '[]', NULL, '{"code": "DATABASE_UNAVAILABLE", "message": "The database is shutting down."}');

--
-- Data for Name: edge_sync_log; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.edge_sync_log (id, cycle_id, trigger, status, manifest_id, epoch, sequence, started_at, finished_at, durations, wire_bytes, tables, error, acknowledged_at) OVERRIDING SYSTEM VALUE VALUES (1, '01KAGZ8R2M8Y4E7B1A5S9D3F6G', 'start', 'failed', NULL, NULL, NULL, '1970-01-01 00:00:09+00', '1970-01-01 00:00:10+00', '{"request": 1000}', 0, '[]', '{"code": "CENTRAL_UNREACHABLE", "message": "Central at http://central:8080 cannot be reached: ECONNREFUSED.", "nextStep": "Check EDGE_CENTRAL_URL."}', NULL);
INSERT INTO rivulet.edge_sync_log (id, cycle_id, trigger, status, manifest_id, epoch, sequence, started_at, finished_at, durations, wire_bytes, tables, error, acknowledged_at) OVERRIDING SYSTEM VALUE VALUES (2, '01KAJ9V9P0H6T2R8W5Q1Z4X7CV', 'schedule', 'applied', '01KAJ9V9RW4C7ZK3DYE7V1NB2S', 2, 41, '2026-11-21 08:00:00+00', '2026-11-21 08:00:02+00', '{"apply": 96, "request": 38, "download": 12}', 9001, '[{"name": "users", "rows": 902, "action": "merged"}]', NULL, '2026-11-21 08:00:02.1+00');
INSERT INTO rivulet.edge_sync_log (id, cycle_id, trigger, status, manifest_id, epoch, sequence, started_at, finished_at, durations, wire_bytes, tables, error, acknowledged_at) OVERRIDING SYSTEM VALUE VALUES (3, '01KAJA4D3N7B2V6C9X1Z5Q8W0E', 'operator', 'current', '01KAJ9V9RW4C7ZK3DYE7V1NB2S', 2, 41, '2026-11-21 08:05:00+00', '2026-11-21 08:05:00.02+00', '{"request": 9}', 0, '[]', NULL, NULL);
INSERT INTO rivulet.edge_sync_log (id, cycle_id, trigger, status, manifest_id, epoch, sequence, started_at, finished_at, durations, wire_bytes, tables, error, acknowledged_at) OVERRIDING SYSTEM VALUE VALUES (4, '01KAJA5T8K3M6R9W2Y4D7F0H1J', 'repair', 'applied', '01KAJA5T9N2V4B6M8Q0S1D3F5G', 2, 42, '2026-11-21 09:00:00+00', '2026-11-21 09:00:01+00', '{}', 120, '[]', NULL, NULL);

--
-- Data for Name: edge_sync_state; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.edge_sync_state (singleton, mac_address, manifest_id, epoch, sequence, schema_version, central_key, applied_at) VALUES (true, '48:b0:2d:e9:c3:b7', '01KAJ9V9RW4C7ZK3DYE7V1NB2S', 2, 41, '5555555555555555555555555555555555555555555555555555555555555555', 'Kq1k7oq1FhZb0Yb9pV7wq0s3nB2m4tqk8d6v5yJx0aE', '2026-11-21 08:00:02+00');

--
-- Data for Name: edge_sync_tables; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.edge_sync_tables (name, schema_name, table_name, columns, key, fingerprint, checksum, rows, bytes, grants, on_remove, manifest_id, loaded_at) VALUES ('users', 'public', 'users', '[{"name": "id", "type": "bigint"}, {"name": "full_name", "type": "text"}]', '["id"]', '6666666666666666666666666666666666666666666666666666666666666666', '2222222222222222222222222222222222222222222222222222222222222222', 902, 65549, '["reader"]', 'keep', '01KAJ9V9RW4C7ZK3DYE7V1NB2S', '2026-11-21 08:00:02+00');
INSERT INTO rivulet.edge_sync_tables (name, schema_name, table_name, columns, key, fingerprint, checksum, rows, bytes, grants, on_remove, manifest_id, loaded_at) VALUES ('orte', 'site', 'Orte "neu"', '[{"name": "kürzel", "type": "text"}]', '["kürzel"]', '7777777777777777777777777777777777777777777777777777777777777777', '3333333333333333333333333333333333333333333333333333333333333333', 0, 0, '[]', 'drop', '01KAJ9V9RW4C7ZK3DYE7V1NB2S', '2026-11-20 10:00:03+00');

--
-- Data for Name: migrations; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.migrations (id, "timestamp", name) VALUES (1, 1763683200000, 'CreateSyncTables1763683200000');

--
-- Name: edge_scrub_log_id_seq; Type: SEQUENCE SET; Schema: rivulet; Owner: -
--

SELECT pg_catalog.setval('rivulet.edge_scrub_log_id_seq', 3, true);

--
-- Name: edge_sync_log_id_seq; Type: SEQUENCE SET; Schema: rivulet; Owner: -
--

SELECT pg_catalog.setval('rivulet.edge_sync_log_id_seq', 4, true);

--
-- Name: migrations_id_seq; Type: SEQUENCE SET; Schema: rivulet; Owner: -
--

SELECT pg_catalog.setval('rivulet.migrations_id_seq', 1, true);

--
-- Name: migrations PK_8c82d7f526340ab734260ea46be; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.migrations
    ADD CONSTRAINT "PK_8c82d7f526340ab734260ea46be" PRIMARY KEY (id);

--
-- Name: edge_mirror_chunks edge_mirror_chunks_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.edge_mirror_chunks
    ADD CONSTRAINT edge_mirror_chunks_pkey PRIMARY KEY (name, "position");

--
-- Name: edge_scrub_log edge_scrub_log_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.edge_scrub_log
    ADD CONSTRAINT edge_scrub_log_pkey PRIMARY KEY (id);

--
-- Name: edge_scrub_log edge_scrub_log_verification_id_key; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.edge_scrub_log
    ADD CONSTRAINT edge_scrub_log_verification_id_key UNIQUE (verification_id);

--
-- Name: edge_sync_log edge_sync_log_cycle_id_key; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.edge_sync_log
    ADD CONSTRAINT edge_sync_log_cycle_id_key UNIQUE (cycle_id);

--
-- Name: edge_sync_log edge_sync_log_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.edge_sync_log
    ADD CONSTRAINT edge_sync_log_pkey PRIMARY KEY (id);

--
-- Name: edge_sync_state edge_sync_state_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.edge_sync_state
    ADD CONSTRAINT edge_sync_state_pkey PRIMARY KEY (singleton);

--
-- Name: edge_sync_tables edge_sync_tables_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.edge_sync_tables
    ADD CONSTRAINT edge_sync_tables_pkey PRIMARY KEY (name);

--
-- Name: edge_sync_log_applied_once; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE UNIQUE INDEX edge_sync_log_applied_once ON rivulet.edge_sync_log USING btree (manifest_id) WHERE (status = 'applied'::text);

--
-- PostgreSQL database dump complete
--

