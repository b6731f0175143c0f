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
-- Name: central_state; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.central_state (
    singleton boolean DEFAULT true NOT NULL,
    epoch integer DEFAULT 1 NOT NULL,
    CONSTRAINT central_state_epoch_check CHECK ((epoch > 0)),
    CONSTRAINT central_state_singleton_check CHECK (singleton)
);

--
-- Name: chunks; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.chunks (
    digest bytea NOT NULL,
    rows integer NOT NULL,
    content_bytes integer NOT NULL,
    encoding text NOT NULL,
    block bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chunks_encoding_check CHECK ((encoding = ANY (ARRAY['none'::text, 'zstd'::text])))
);
ALTER TABLE ONLY rivulet.chunks ALTER COLUMN block SET STORAGE EXTERNAL;

--
-- Name: manifest_sequence; Type: SEQUENCE; Schema: rivulet; Owner: -
--

CREATE SEQUENCE rivulet.manifest_sequence
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

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
-- Name: signing_keys; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.signing_keys (
    thumbprint text NOT NULL,
    private_jwk jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    retired_at timestamp with time zone
);

--
-- Name: snapshot_cache; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.snapshot_cache (
    cache_key bytea NOT NULL,
    stamp text NOT NULL,
    snapshot_id bigint NOT NULL,
    read_at timestamp with time zone DEFAULT now() NOT NULL,
    used_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: snapshot_chunks; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.snapshot_chunks (
    snapshot_id bigint NOT NULL,
    "position" integer NOT NULL,
    digest bytea NOT NULL,
    content_bytes integer NOT NULL,
    last_key text NOT NULL
);

--
-- Name: snapshot_patches; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.snapshot_patches (
    base_snapshot_id bigint NOT NULL,
    snapshot_id bigint NOT NULL,
    "position" integer NOT NULL,
    digest bytea NOT NULL,
    content_bytes integer NOT NULL
);

--
-- Name: snapshots; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.snapshots (
    snapshot_id bigint NOT NULL,
    checksum text NOT NULL,
    dataset text NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    wire_bytes bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: snapshots_snapshot_id_seq; Type: SEQUENCE; Schema: rivulet; Owner: -
--

ALTER TABLE rivulet.snapshots ALTER COLUMN snapshot_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME rivulet.snapshots_snapshot_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: sync_acknowledgements; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.sync_acknowledgements (
    manifest_id text NOT NULL,
    device_id text NOT NULL,
    status text NOT NULL,
    cycle_id text NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    duration_ms integer NOT NULL,
    tables jsonb NOT NULL,
    error_code text,
    error_message text,
    first_received_at timestamp with time zone DEFAULT now() NOT NULL,
    last_received_at timestamp with time zone DEFAULT now() NOT NULL,
    times_received integer DEFAULT 1 NOT NULL,
    CONSTRAINT sync_acknowledgements_status_check CHECK ((status = ANY (ARRAY['applied'::text, 'failed'::text])))
);

--
-- Name: sync_manifest_tables; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.sync_manifest_tables (
    manifest_id text NOT NULL,
    "position" integer NOT NULL,
    name text NOT NULL,
    action text NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    checksum text NOT NULL,
    snapshot_id bigint,
    base_snapshot_id bigint,
    CONSTRAINT sync_manifest_tables_action_check CHECK ((action = ANY (ARRAY['keep'::text, 'patch'::text, 'load'::text])))
);

--
-- Name: sync_manifests; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.sync_manifests (
    manifest_id text NOT NULL,
    request_id text NOT NULL,
    device_id text NOT NULL,
    mac_address text NOT NULL,
    epoch integer NOT NULL,
    sequence bigint NOT NULL,
    schema_version text NOT NULL,
    document text NOT NULL,
    issued_at timestamp with time zone NOT NULL
);

--
-- Name: sync_requests; Type: TABLE; Schema: rivulet; Owner: -
--

CREATE TABLE rivulet.sync_requests (
    id bigint NOT NULL,
    request_id text NOT NULL,
    device_id text NOT NULL,
    mac_address text NOT NULL,
    last_manifest_id text,
    outcome text NOT NULL,
    manifest_id text,
    error_code text,
    received_at timestamp with time zone NOT NULL,
    last_received_at timestamp with time zone NOT NULL,
    times_received integer DEFAULT 1 NOT NULL,
    duration_ms integer NOT NULL,
    CONSTRAINT sync_requests_outcome_check CHECK ((outcome = ANY (ARRAY['current'::text, 'update'::text, 'failed'::text])))
)
WITH (fillfactor='80');

--
-- Name: sync_requests_id_seq; Type: SEQUENCE; Schema: rivulet; Owner: -
--

ALTER TABLE rivulet.sync_requests ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME rivulet.sync_requests_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: migrations id; Type: DEFAULT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.migrations ALTER COLUMN id SET DEFAULT nextval('rivulet.migrations_id_seq'::regclass);

--
-- Data for Name: central_state; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.central_state (singleton, epoch) VALUES (true, 2);

--
-- Data for Name: chunks; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.chunks (digest, rows, content_bytes, encoding, block, created_at) VALUES ('\xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1', 2, 12, 'none', '\x31094164610a3209426f620a', '2026-11-20 10:00:00+00');
INSERT INTO rivulet.chunks (digest, rows, content_bytes, encoding, block, created_at) VALUES ('\xb2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2', 900, 65536, 'zstd', '\x28b52ffd2010810000', '2026-11-20 10:00:00+00');
INSERT INTO rivulet.chunks (digest, rows, content_bytes, encoding, block, created_at) VALUES ('\xc3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3', 1, 31, 'none', '\x000a090d5c4e', '2026-11-21 07:59:59.123456+00');

--
-- Data for Name: migrations; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.migrations (id, "timestamp", name) VALUES (1, 1763683200000, 'CreateOperationalTables1763683200000');

--
-- Data for Name: signing_keys; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.signing_keys (thumbprint, private_jwk, created_at, retired_at) VALUES ('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', '{"d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "crv": "Ed25519", "kty": "OKP"}', '2026-11-02 08:00:00+00', '2026-11-20 09:30:00+00');
INSERT INTO rivulet.signing_keys (thumbprint, private_jwk, created_at, retired_at) VALUES ('Kq1k7oq1FhZb0Yb9pV7wq0s3nB2m4tqk8d6v5yJx0aE', '{"d": "TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs", "x": "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw", "crv": "Ed25519", "kty": "OKP"}', '2026-11-20 09:30:00+00', NULL);

--
-- Data for Name: snapshot_cache; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.snapshot_cache (cache_key, stamp, snapshot_id, read_at, used_at) VALUES ('\xd4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4', 'public.users:12 public.group_members:7', 2, '2026-11-21 08:00:00+00', '2026-11-21 08:05:00+00');

--
-- Data for Name: snapshot_chunks; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.snapshot_chunks (snapshot_id, "position", digest, content_bytes, last_key) VALUES (1, 0, '\xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1', 12, '2');
INSERT INTO rivulet.snapshot_chunks (snapshot_id, "position", digest, content_bytes, last_key) VALUES (1, 1, '\xb2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2', 65536, '902\	end');
INSERT INTO rivulet.snapshot_chunks (snapshot_id, "position", digest, content_bytes, last_key) VALUES (2, 0, '\xb2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2', 65536, '902');

--
-- Data for Name: snapshot_patches; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.snapshot_patches (base_snapshot_id, snapshot_id, "position", digest, content_bytes) VALUES (1, 2, 0, '\xc3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3', 31);

--
-- Data for Name: snapshots; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.snapshots (snapshot_id, checksum, dataset, rows, bytes, wire_bytes, created_at) OVERRIDING SYSTEM VALUE VALUES (1, '1111111111111111111111111111111111111111111111111111111111111111', 'users', 902, 65548, 9000, '2026-11-20 10:00:00+00');
INSERT INTO rivulet.snapshots (snapshot_id, checksum, dataset, rows, bytes, wire_bytes, created_at) OVERRIDING SYSTEM VALUE VALUES (2, '2222222222222222222222222222222222222222222222222222222222222222', 'users', 902, 65549, 9001, '2026-11-21 08:00:00+00');
INSERT INTO rivulet.snapshots (snapshot_id, checksum, dataset, rows, bytes, wire_bytes, created_at) OVERRIDING SYSTEM VALUE VALUES (3, '3333333333333333333333333333333333333333333333333333333333333333', 'orte', 0, 0, 0, '2026-11-21 08:00:00+00');

--
-- Data for Name: sync_acknowledgements; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.sync_acknowledgements (manifest_id, device_id, status, cycle_id, finished_at, duration_ms, tables, error_code, error_message, first_received_at, last_received_at, times_received) VALUES ('01KAGZ8R5E2V9QK4N7M3T6XWCB', '1', 'failed', '01KAGZ8R2M8Y4E7B1A5S9D3F6G', '2026-11-20 10:00:03+00', 2100, '[]', 'CHECKSUM_MISMATCH', 'The mirror users does not have the manifest’s rows.', '2026-11-20 10:00:03.2+00', '2026-11-20 10:00:03.2+00', 1);
INSERT INTO rivulet.sync_acknowledgements (manifest_id, device_id, status, cycle_id, finished_at, duration_ms, tables, error_code, error_message, first_received_at, last_received_at, times_received) VALUES ('01KAJ9V9RW4C7ZK3DYE7V1NB2S', '1', 'applied', '01KAJ9V9P0H6T2R8W5Q1Z4X7CV', '1970-01-01 00:07:11+00', 96, '[{"name": "users", "rows": 902, "action": "merged"}]', NULL, NULL, '2026-11-21 08:00:02+00', '2026-11-21 08:10:02+00', 2);

--
-- Data for Name: sync_manifest_tables; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.sync_manifest_tables (manifest_id, "position", name, action, rows, bytes, checksum, snapshot_id, base_snapshot_id) VALUES ('01KAGZ8R5E2V9QK4N7M3T6XWCB', 0, 'users', 'load', 902, 65548, '1111111111111111111111111111111111111111111111111111111111111111', 1, NULL);
INSERT INTO rivulet.sync_manifest_tables (manifest_id, "position", name, action, rows, bytes, checksum, snapshot_id, base_snapshot_id) VALUES ('01KAGZ8R5E2V9QK4N7M3T6XWCB', 1, 'orte', 'load', 3, 40, '4444444444444444444444444444444444444444444444444444444444444444', NULL, NULL);
INSERT INTO rivulet.sync_manifest_tables (manifest_id, "position", name, action, rows, bytes, checksum, snapshot_id, base_snapshot_id) VALUES ('01KAJ9V9RW4C7ZK3DYE7V1NB2S', 0, 'users', 'patch', 902, 65549, '2222222222222222222222222222222222222222222222222222222222222222', 2, 1);
INSERT INTO rivulet.sync_manifest_tables (manifest_id, "position", name, action, rows, bytes, checksum, snapshot_id, base_snapshot_id) VALUES ('01KAJ9V9RW4C7ZK3DYE7V1NB2S', 1, 'orte', 'keep', 0, 0, '3333333333333333333333333333333333333333333333333333333333333333', 3, NULL);

--
-- Data for Name: sync_manifests; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.sync_manifests (manifest_id, request_id, device_id, mac_address, epoch, sequence, schema_version, document, issued_at) VALUES ('01KAGZ8R5E2V9QK4N7M3T6XWCB', '01KAGZ8R2M8Y4E7B1A5S9D3F6G', '1', '48:b0:2d:e9:c3:b7', 1, 40, '5555555555555555555555555555555555555555555555555555555555555555', 'eyJhbGciOiJFZERTQSJ9.eyJlcG9jaCI6MX0.c2ln', '2026-11-20 10:00:01+00');
INSERT INTO rivulet.sync_manifests (manifest_id, request_id, device_id, mac_address, epoch, sequence, schema_version, document, issued_at) VALUES ('01KAJ9V9RW4C7ZK3DYE7V1NB2S', '01KAJ9V9P0H6T2R8W5Q1Z4X7CV', '1', '48:b0:2d:e9:c3:b7', 2, 41, '5555555555555555555555555555555555555555555555555555555555555555', 'eyJhbGciOiJFZERTQSJ9.eyJlcG9jaCI6Mn0.c2ln', '2026-11-21 08:00:01.5+00');

--
-- Data for Name: sync_requests; Type: TABLE DATA; Schema: rivulet; Owner: -
--

INSERT INTO rivulet.sync_requests (id, request_id, device_id, mac_address, last_manifest_id, outcome, manifest_id, error_code, received_at, last_received_at, times_received, duration_ms) OVERRIDING SYSTEM VALUE VALUES (1, '01KAGZ8R2M8Y4E7B1A5S9D3F6G', '1', '48:b0:2d:e9:c3:b7', NULL, 'update', '01KAGZ8R5E2V9QK4N7M3T6XWCB', NULL, '2026-11-20 10:00:00+00', '2026-11-20 10:00:00+00', 1, 412);
INSERT INTO rivulet.sync_requests (id, request_id, device_id, mac_address, last_manifest_id, outcome, manifest_id, error_code, received_at, last_received_at, times_received, duration_ms) OVERRIDING SYSTEM VALUE VALUES (2, '01KAJ9V9P0H6T2R8W5Q1Z4X7CV', '1', '48:b0:2d:e9:c3:b7', '01KAGZ8R5E2V9QK4N7M3T6XWCB', 'update', '01KAJ9V9RW4C7ZK3DYE7V1NB2S', NULL, '2026-11-21 08:00:00+00', '2026-11-21 08:00:00+00', 1, 38);
INSERT INTO rivulet.sync_requests (id, request_id, device_id, mac_address, last_manifest_id, outcome, manifest_id, error_code, received_at, last_received_at, times_received, duration_ms) OVERRIDING SYSTEM VALUE VALUES (3, '01KAJA4D3N7B2V6C9X1Z5Q8W0E', '1', '48:b0:2d:e9:c3:b7', '01KAJ9V9RW4C7ZK3DYE7V1NB2S', 'current', '01KAJ9V9RW4C7ZK3DYE7V1NB2S', NULL, '2026-11-21 08:05:00+00', '2026-11-21 20:05:00+00', 144, 1);
INSERT INTO rivulet.sync_requests (id, request_id, device_id, mac_address, last_manifest_id, outcome, manifest_id, error_code, received_at, last_received_at, times_received, duration_ms) OVERRIDING SYSTEM VALUE VALUES (4, '01KAJA5T8K3M6R9W2Y4D7F0H1J', '2', '48:b0:2d:e9:c3:b8', NULL, 'failed', NULL, 'DATASET_QUERY_FAILED', '2026-11-21 08:06:00+00', '2026-11-21 08:06:00+00', 1, 17);

--
-- Name: manifest_sequence; Type: SEQUENCE SET; Schema: rivulet; Owner: -
--

SELECT pg_catalog.setval('rivulet.manifest_sequence', 41, true);

--
-- Name: migrations_id_seq; Type: SEQUENCE SET; Schema: rivulet; Owner: -
--

SELECT pg_catalog.setval('rivulet.migrations_id_seq', 1, true);

--
-- Name: snapshots_snapshot_id_seq; Type: SEQUENCE SET; Schema: rivulet; Owner: -
--

SELECT pg_catalog.setval('rivulet.snapshots_snapshot_id_seq', 3, true);

--
-- Name: sync_requests_id_seq; Type: SEQUENCE SET; Schema: rivulet; Owner: -
--

SELECT pg_catalog.setval('rivulet.sync_requests_id_seq', 4, true);

--
-- Name: migrations PK_8c82d7f526340ab734260ea46be; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.migrations
    ADD CONSTRAINT "PK_8c82d7f526340ab734260ea46be" PRIMARY KEY (id);

--
-- Name: central_state central_state_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.central_state
    ADD CONSTRAINT central_state_pkey PRIMARY KEY (singleton);

--
-- Name: chunks chunks_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (digest);

--
-- Name: signing_keys signing_keys_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (thumbprint);

--
-- Name: snapshot_cache snapshot_cache_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.snapshot_cache
    ADD CONSTRAINT snapshot_cache_pkey PRIMARY KEY (cache_key);

--
-- Name: snapshot_chunks snapshot_chunks_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.snapshot_chunks
    ADD CONSTRAINT snapshot_chunks_pkey PRIMARY KEY (snapshot_id, "position");

--
-- Name: snapshot_patches snapshot_patches_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.snapshot_patches
    ADD CONSTRAINT snapshot_patches_pkey PRIMARY KEY (base_snapshot_id, snapshot_id, "position");

--
-- Name: snapshots snapshots_checksum_key; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.snapshots
    ADD CONSTRAINT snapshots_checksum_key UNIQUE (checksum);

--
-- Name: snapshots snapshots_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.snapshots
    ADD CONSTRAINT snapshots_pkey PRIMARY KEY (snapshot_id);

--
-- Name: sync_acknowledgements sync_acknowledgements_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.sync_acknowledgements
    ADD CONSTRAINT sync_acknowledgements_pkey PRIMARY KEY (manifest_id);

--
-- Name: sync_manifest_tables sync_manifest_tables_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.sync_manifest_tables
    ADD CONSTRAINT sync_manifest_tables_pkey PRIMARY KEY (manifest_id, "position");

--
-- Name: sync_manifests sync_manifests_epoch_sequence_key; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.sync_manifests
    ADD CONSTRAINT sync_manifests_epoch_sequence_key UNIQUE (epoch, sequence);

--
-- Name: sync_manifests sync_manifests_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.sync_manifests
    ADD CONSTRAINT sync_manifests_pkey PRIMARY KEY (manifest_id);

--
-- Name: sync_requests sync_requests_pkey; Type: CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.sync_requests
    ADD CONSTRAINT sync_requests_pkey PRIMARY KEY (id);

--
-- Name: one_active_signing_key; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE UNIQUE INDEX one_active_signing_key ON rivulet.signing_keys USING btree ((true)) WHERE (retired_at IS NULL);

--
-- Name: snapshot_cache_snapshot_id_idx; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE INDEX snapshot_cache_snapshot_id_idx ON rivulet.snapshot_cache USING btree (snapshot_id);

--
-- Name: snapshot_chunks_digest_idx; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE INDEX snapshot_chunks_digest_idx ON rivulet.snapshot_chunks USING btree (digest);

--
-- Name: snapshot_patches_digest_idx; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE INDEX snapshot_patches_digest_idx ON rivulet.snapshot_patches USING btree (digest);

--
-- Name: snapshot_patches_snapshot_id_idx; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE INDEX snapshot_patches_snapshot_id_idx ON rivulet.snapshot_patches USING btree (snapshot_id);

--
-- Name: sync_manifest_tables_base_snapshot_id_idx; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE INDEX sync_manifest_tables_base_snapshot_id_idx ON rivulet.sync_manifest_tables USING btree (base_snapshot_id);

--
-- Name: sync_manifest_tables_snapshot_id_idx; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE INDEX sync_manifest_tables_snapshot_id_idx ON rivulet.sync_manifest_tables USING btree (snapshot_id);

--
-- Name: sync_manifests_device_id_epoch_sequence_idx; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE INDEX sync_manifests_device_id_epoch_sequence_idx ON rivulet.sync_manifests USING btree (device_id, epoch, sequence);

--
-- Name: sync_manifests_issued_at_idx; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE INDEX sync_manifests_issued_at_idx ON rivulet.sync_manifests USING btree (issued_at);

--
-- Name: sync_requests_current; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE UNIQUE INDEX sync_requests_current ON rivulet.sync_requests USING btree (device_id, manifest_id) WHERE (outcome = 'current'::text);

--
-- Name: sync_requests_device_id_received_at_idx; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE INDEX sync_requests_device_id_received_at_idx ON rivulet.sync_requests USING btree (device_id, received_at);

--
-- Name: sync_requests_received_at_idx; Type: INDEX; Schema: rivulet; Owner: -
--

CREATE INDEX sync_requests_received_at_idx ON rivulet.sync_requests USING btree (received_at);

--
-- Name: snapshot_cache snapshot_cache_snapshot_id_fkey; Type: FK CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.snapshot_cache
    ADD CONSTRAINT snapshot_cache_snapshot_id_fkey FOREIGN KEY (snapshot_id) REFERENCES rivulet.snapshots(snapshot_id) ON DELETE CASCADE;

--
-- Name: snapshot_chunks snapshot_chunks_snapshot_id_fkey; Type: FK CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.snapshot_chunks
    ADD CONSTRAINT snapshot_chunks_snapshot_id_fkey FOREIGN KEY (snapshot_id) REFERENCES rivulet.snapshots(snapshot_id) ON DELETE CASCADE;

--
-- Name: snapshot_patches snapshot_patches_base_snapshot_id_fkey; Type: FK CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.snapshot_patches
    ADD CONSTRAINT snapshot_patches_base_snapshot_id_fkey FOREIGN KEY (base_snapshot_id) REFERENCES rivulet.snapshots(snapshot_id) ON DELETE CASCADE;

--
-- Name: snapshot_patches snapshot_patches_snapshot_id_fkey; Type: FK CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.snapshot_patches
    ADD CONSTRAINT snapshot_patches_snapshot_id_fkey FOREIGN KEY (snapshot_id) REFERENCES rivulet.snapshots(snapshot_id) ON DELETE CASCADE;

--
-- Name: sync_acknowledgements sync_acknowledgements_manifest_id_fkey; Type: FK CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.sync_acknowledgements
    ADD CONSTRAINT sync_acknowledgements_manifest_id_fkey FOREIGN KEY (manifest_id) REFERENCES rivulet.sync_manifests(manifest_id) ON DELETE CASCADE;

--
-- Name: sync_manifest_tables sync_manifest_tables_base_snapshot_id_fkey; Type: FK CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.sync_manifest_tables
    ADD CONSTRAINT sync_manifest_tables_base_snapshot_id_fkey FOREIGN KEY (base_snapshot_id) REFERENCES rivulet.snapshots(snapshot_id) ON DELETE SET NULL;

--
-- Name: sync_manifest_tables sync_manifest_tables_manifest_id_fkey; Type: FK CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.sync_manifest_tables
    ADD CONSTRAINT sync_manifest_tables_manifest_id_fkey FOREIGN KEY (manifest_id) REFERENCES rivulet.sync_manifests(manifest_id) ON DELETE CASCADE;

--
-- Name: sync_manifest_tables sync_manifest_tables_snapshot_id_fkey; Type: FK CONSTRAINT; Schema: rivulet; Owner: -
--

ALTER TABLE ONLY rivulet.sync_manifest_tables
    ADD CONSTRAINT sync_manifest_tables_snapshot_id_fkey FOREIGN KEY (snapshot_id) REFERENCES rivulet.snapshots(snapshot_id) ON DELETE SET NULL;

--
-- PostgreSQL database dump complete
--

