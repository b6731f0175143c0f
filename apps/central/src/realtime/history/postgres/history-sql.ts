/**
 * Positions are given under the lock of the topic's row, which is held until the commit: the next one is given when this
 * one can be seen, and one that is rolled back leaves no gap. All lock in the order of the names, so nobody waits in a
 * circle. Stores nothing while one of the topics has no row, so that a batch is stored as a whole.
 */
export const appendMessages = `
WITH given AS (
  SELECT *, row_number() OVER (PARTITION BY topic ORDER BY place) AS nth
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[])
    WITH ORDINALITY AS message (topic, id, data, sender, kept_size, kept_ms, place)
), counted AS (
  SELECT topic, count(*) AS count, max(kept_size) AS kept_size, max(kept_ms) AS kept_ms FROM given GROUP BY topic
), locked AS (
  SELECT topic FROM rivulet.realtime_topics WHERE topic IN (SELECT topic FROM counted) ORDER BY topic FOR NO KEY UPDATE
), advanced AS (
  UPDATE rivulet.realtime_topics known
  SET position = known.position + counted.count, published_at = clock_timestamp(),
      kept_size = counted.kept_size, kept_ms = counted.kept_ms
  FROM locked JOIN counted USING (topic)
  WHERE known.topic = locked.topic AND (SELECT count(*) FROM locked) = (SELECT count(*) FROM counted)
  RETURNING known.topic, known.position - counted.count AS before, known.published_at
), placed AS (
  SELECT given.*, before + nth AS position, published_at FROM given JOIN advanced USING (topic)
), stored AS (
  INSERT INTO rivulet.realtime_messages (topic, position, id, data, sender, published_at)
  SELECT topic, position, id, data, sender, published_at FROM placed WHERE kept_size > 0
)
SELECT place::int, position, published_at AS "publishedAt", realtime_store.id || '-' || epoch AS epoch
FROM placed, rivulet.realtime_store, rivulet.central_state ORDER BY place`;

/** The lock keeps the floor from rising between its reading and the commit: see pruneTopics. */
export const createTopics = `
INSERT INTO rivulet.realtime_topics (topic, position)
SELECT topic, CASE WHEN topic LIKE '\\_%' THEN own_floor ELSE floor END FROM unnest($1::text[]) AS topic, rivulet.realtime_store
WHERE NOT EXISTS (SELECT FROM rivulet.realtime_topics known WHERE known.topic = topic.topic)
ORDER BY topic FOR SHARE OF realtime_store
ON CONFLICT DO NOTHING`;

/** One range of the primary key, of at most the limit. */
export const readMessages = `
SELECT realtime_store.id || '-' || epoch AS epoch, coalesce(known.position, CASE WHEN $1 LIKE '\\_%' THEN own_floor ELSE floor END) AS last,
       message.position, message.id, data, sender, message.published_at AS "publishedAt"
FROM rivulet.realtime_store CROSS JOIN rivulet.central_state
LEFT JOIN rivulet.realtime_topics known ON known.topic = $1
LEFT JOIN LATERAL (
  SELECT * FROM rivulet.realtime_messages message
  WHERE message.topic = known.topic AND message.position > greatest($2, known.position - $3)
    AND message.published_at > clock_timestamp() - $4 * interval '1 millisecond'
  ORDER BY message.position LIMIT $5
) message ON true`;

export const readPositions = `
SELECT realtime_store.id || '-' || epoch AS epoch, floor, coalesce(
  (SELECT json_object_agg(asked.topic, coalesce(position, own_floor))
   FROM unnest($1::text[]) AS asked (topic) LEFT JOIN rivulet.realtime_topics known USING (topic)
   WHERE position IS NOT NULL OR asked.topic LIKE '\\_%'), '{}') AS positions
FROM rivulet.realtime_store, rivulet.central_state`;

/** A range of the primary key: names have no character above z. */
export const listPositions = `
SELECT realtime_store.id || '-' || epoch AS epoch, floor, coalesce(
  (SELECT json_object_agg(topic, position) FROM (
     SELECT topic, position FROM rivulet.realtime_topics
     WHERE topic >= $1 AND topic < $1 || '~' AND topic NOT LIKE '\\_%' ORDER BY topic LIMIT $2) AS listed), '{}') AS positions
FROM rivulet.realtime_store, rivulet.central_state`;

export const claimKeys = `
INSERT INTO rivulet.realtime_keys (key, digest)
SELECT * FROM unnest($1::text[], $2::text[]) AS given (key, digest) ORDER BY key
ON CONFLICT DO NOTHING RETURNING key`;

export const readKeys = `
SELECT key, digest, position, message_id AS "messageId", published_at AS "publishedAt"
FROM rivulet.realtime_keys WHERE key = ANY ($1::text[])`;

export const placeKeys = `
UPDATE rivulet.realtime_keys known SET position = given.position, message_id = given.id
FROM unnest($1::text[], $2::bigint[], $3::text[]) AS given (key, position, id) WHERE known.key = given.key`;

/** The store's row is locked before those of topics, as by pruneTopics. */
export const raiseFloor = 'UPDATE rivulet.realtime_store SET floor = floor + 1';

export const skipPositions = `
WITH locked AS (
  SELECT topic FROM rivulet.realtime_topics WHERE topic >= $1 AND topic < $1 || '~' AND topic ~ $2 ORDER BY topic FOR NO KEY UPDATE
)
UPDATE rivulet.realtime_topics known SET position = position + 1, published_at = clock_timestamp()
FROM locked WHERE known.topic = locked.topic`;

export const pruneMessages = `
DELETE FROM rivulet.realtime_messages message USING rivulet.realtime_topics known
WHERE message.topic = known.topic AND (
  message.position <= known.position - known.kept_size
  OR message.published_at < clock_timestamp() - known.kept_ms * interval '1 millisecond')`;

export const pruneKeys = `
DELETE FROM rivulet.realtime_keys WHERE published_at < clock_timestamp() - $1 * interval '1 millisecond'
  OR (key >= 'rows:' AND key < 'rows;' AND published_at < clock_timestamp() - $2 * interval '1 millisecond')`;

/**
 * Topics of which nothing was heard for long. A topic that is made again begins at the floor, so a position of its
 * former life is never taken for one of the new.
 */
export const pruneTopics = `
WITH store AS (
  SELECT floor FROM rivulet.realtime_store FOR UPDATE
), removed AS (
  DELETE FROM rivulet.realtime_topics known USING store
  WHERE published_at < clock_timestamp() - interval '31 days'
    AND NOT EXISTS (SELECT FROM rivulet.realtime_messages message WHERE message.topic = known.topic)
  RETURNING topic, position
)
UPDATE rivulet.realtime_store SET floor = greatest(floor, (SELECT max(position) FROM removed WHERE topic NOT LIKE '\\_%')),
  own_floor = greatest(own_floor, (SELECT max(position) FROM removed WHERE topic LIKE '\\_%'))
WHERE EXISTS (SELECT FROM removed)`;
