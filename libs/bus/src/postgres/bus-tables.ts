/**
 * What the PostgreSQL bus needs. Its rows live for a minute, and nothing depends on them: unlogged, so that they cost no
 * WAL and are gone after a crash.
 */
export const createBusTables = `
CREATE UNLOGGED TABLE rivulet.bus_messages (
  id text PRIMARY KEY,
  body text NOT NULL,
  sent_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE rivulet.bus_messages IS 'Messages too large for a notification, for a minute.';
CREATE UNLOGGED TABLE rivulet.bus_claims (
  queue_group text NOT NULL,
  message_id text NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (queue_group, message_id)
);
COMMENT ON TABLE rivulet.bus_claims IS 'Which messages a member of a queue group has taken, for a minute.';
`;
