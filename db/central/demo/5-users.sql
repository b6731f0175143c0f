-- Users and who is in which group. Dice decide everything that would be chance: 16-bit numbers cut from the
-- SHA-256 of what a row is about, its luck, so that a person stays the same when other parts of the plan
-- change.
CREATE FUNCTION pg_temp.luck(about text) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT sha256(convert_to(about, 'UTF8'))
$$;
CREATE FUNCTION pg_temp.dice(luck bytea, throw int, sides int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT (get_byte(luck, throw * 2) * 256 + get_byte(luck, throw * 2 + 1)) % sides
$$;

INSERT INTO users
  (directory_id, company_id, location_id, full_name, preferred_name, email, job_title, department, phone,
   badge_number, status, hired_on, last_seen_at, certifications, preferences, annual_salary)
WITH seat AS MATERIALIZED (
  SELECT l.company_id, l.id AS location_id, l.opened_on, s.department, s.heads, n,
         pg_temp.luck(concat_ws('/', l.name, s.department, n)) AS luck
  FROM staffing s
  JOIN locations l USING (code)
  CROSS JOIN generate_series(1, s.people) AS n
),
origin AS (
  SELECT *, (sum(share) OVER ())::int AS shares,
         int4range((sum(share) OVER up_to - share)::int, (sum(share) OVER up_to)::int) AS dealt
  FROM name_origin
  WINDOW up_to AS (ORDER BY position)
),
-- Three in ten people with roots elsewhere have an English given name, and one in sixteen married into one.
named AS (
  SELECT seat.*, o.language,
         CASE WHEN pg_temp.dice(luck, 1, 10) < 3
              THEN en.given[1 + pg_temp.dice(luck, 2, cardinality(en.given))]
              ELSE o.given[1 + pg_temp.dice(luck, 2, cardinality(o.given))] END AS given_name,
         CASE WHEN pg_temp.dice(luck, 3, 16) = 0
              THEN en.family[1 + pg_temp.dice(luck, 4, cardinality(en.family))]
              ELSE o.family[1 + pg_temp.dice(luck, 4, cardinality(o.family))] END AS family_name
  FROM seat
  JOIN origin o ON o.dealt @> pg_temp.dice(luck, 0, o.shares)
  JOIN origin en ON en.position = 1
),
-- More people were hired lately than long ago, always on a Monday; the last few have yet to start.
hired AS (
  SELECT named.*,
         greatest(opened_on, contract.day - extract(isodow FROM contract.day)::int + 1) AS hired_on
  FROM named
  CROSS JOIN LATERAL (SELECT pg_temp.dice(luck, 5, 65536)::bigint AS die) AS thrown
  CROSS JOIN LATERAL (
    SELECT date '2026-11-23' - ((date '2026-11-23' - greatest(opened_on, date '2001-01-01'))
                                * (3 * die * die + 65536 * die) / 17179869184)::int AS day
  ) AS contract
),
numbered AS (
  SELECT hired.*,
         CASE WHEN hired_on > date '2026-10-30' THEN 'invited'
              WHEN n <= cardinality(heads) OR hired_on > date '2026-07-31' THEN 'active'
              WHEN pg_temp.dice(luck, 6, 100) < 5 THEN 'departed'
              WHEN pg_temp.dice(luck, 6, 100) < 8 THEN 'on_leave'
              WHEN pg_temp.dice(luck, 6, 100) < 9 THEN 'suspended'
              ELSE 'active' END AS status,
         -- jose.garcia: no accents, apostrophes or spaces. Spelled out, so that no extension is needed.
         lower(translate(given_name || '.' || family_name,
                         'ÁÇÉÓÖáãäçèéíñóõöøúüćčğıŁłńřśŞşš'' ',
                         'ACEOOaaaceeinoooouuccgiLlnrsSss')) AS mailbox,
         row_number() OVER (PARTITION BY company_id ORDER BY hired_on, luck) AS company_number,
         row_number() OVER (PARTITION BY location_id ORDER BY hired_on, luck) AS location_number
  FROM hired
),
-- The second Maria Garcia of a company is maria.garcia2.
mailed AS (
  SELECT numbered.*,
         mailbox || coalesce(nullif(row_number() OVER namesakes, 1)::text, '') || '@' || c.domain AS email,
         c.badge_prefix || '-' || 100000 + company_number * 48271 % 900000 AS badge_number
  FROM numbered
  JOIN companies c ON c.id = company_id
  WINDOW namesakes AS (PARTITION BY company_id, mailbox ORDER BY company_number)
),
seen AS (
  SELECT mailed.*, last.day - greatest(extract(isodow FROM last.day)::int - 5, 0) AS seen_on
  FROM mailed
  CROSS JOIN LATERAL (
    SELECT CASE status
             WHEN 'departed'
             THEN hired_on + 30 + pg_temp.dice(luck, 7, 65536) % (date '2026-10-30' - hired_on - 30)
             WHEN 'on_leave' THEN date '2026-10-30' - 14 - pg_temp.dice(luck, 7, 70)
             WHEN 'suspended' THEN date '2026-10-30' - 2 - pg_temp.dice(luck, 7, 40)
             WHEN 'active'
             THEN greatest(hired_on, date '2026-10-30'
                           - ('{0,0,0,0,0,0,0,1,1,1,2,2,3,4,7,8}'::int[])[1 + pg_temp.dice(luck, 7, 16)])
           END AS day
  ) AS last
)
SELECT directory.id, seen.company_id, seen.location_id, given_name || ' ' || family_name,
       CASE WHEN pg_temp.dice(luck, 11, 5) < 2 THEN short_name.preferred END,
       email,
       coalesce(heads[n], titles[1 + pg_temp.dice(luck, 9, cardinality(titles))]),
       department,
       CASE WHEN status NOT IN ('invited', 'departed') AND pg_temp.dice(luck, 10, 12) > 0
            THEN concat(l.phone_prefix, '-01', lpad(pg_temp.dice(luck, 10, 100)::text, 2, '0'),
                        ' ext. ', 1000 + location_number * 37 % 9000) END,
       CASE WHEN status <> 'invited' THEN badge_number END,
       status::user_status,
       hired_on,
       (seen_on + time '06:30' + pg_temp.dice(luck, 8, 65536) * interval '641 milliseconds')
         AT TIME ZONE l.time_zone,
       CASE WHEN pg_temp.dice(luck, 12, 10) < 5 THEN '{}'
            WHEN pg_temp.dice(luck, 12, 10) < 8 THEN certifications[first.certificate:first.certificate]
            ELSE certifications[first.certificate:first.certificate + 1] END,
       jsonb_strip_nulls(jsonb_build_object(
         'language', CASE WHEN pg_temp.dice(luck, 13, 3) = 0 THEN language ELSE 'en' END,
         'theme', ('{dark,light}'::text[])[1 + pg_temp.dice(luck, 14, 3)],
         'notify', jsonb_build_object('email', pg_temp.dice(luck, 13, 5) > 0,
                                      'sms', pg_temp.dice(luck, 13, 7) < 2))),
       round(salary * (80 + pg_temp.dice(luck, 14, 51)) / 100.0
             * CASE WHEN n <= cardinality(heads) THEN 1.6 ELSE 1.0 END, -2)
FROM seen
JOIN profession USING (department)
JOIN locations l ON l.id = location_id
LEFT JOIN short_name ON short_name.given = given_name
CROSS JOIN LATERAL (
  SELECT 1 + pg_temp.dice(luck, 15, greatest(cardinality(certifications), 1)) AS certificate
) AS first
CROSS JOIN LATERAL (
  -- Version 3: MD5 of the DNS namespace's id and the name, with the version and variant bits put in.
  SELECT overlay(
           overlay(md5 PLACING '3' FROM 13)
           PLACING substr('89ab', 1 + (('x' || substr(md5, 17, 1))::bit(4)::int & 3), 1) FROM 17
         )::uuid AS id
  FROM md5('\x6ba7b8109dad11d180b400c04fd430c8'::bytea || convert_to(email, 'UTF8'))
) AS directory
ORDER BY hired_on, luck;

-- Everyone who has not departed is in the group of the department, led by its head …
INSERT INTO group_members (group_id, user_id, joined_on, is_lead)
SELECT g.id, u.id, u.hired_on, u.job_title = s.heads[1]
FROM users u
JOIN locations l ON l.id = u.location_id
JOIN staffing s ON s.code = l.code AND s.department = u.department
JOIN groups g ON g.company_id = u.company_id AND g.name = u.department AND g.kind = 'department'
             AND coalesce(g.location_id, u.location_id) = u.location_id
WHERE u.status <> 'departed';

-- … and in the shifts and roles that fall to them. Roles wait until people know the place. Who has been with
-- the company longest leads.
INSERT INTO group_members (group_id, user_id, joined_on, is_lead)
SELECT g.id, u.id,
       u.hired_on + CASE WHEN g.kind = 'shift' THEN 0
                         ELSE 60 + pg_temp.dice(pg_temp.luck(u.email), 0, 30) END,
       row_number() OVER (PARTITION BY g.id ORDER BY u.id) = 1
FROM duty d
JOIN companies c ON c.badge_prefix = d.company
JOIN groups g ON g.company_id = c.id AND g.name = d.name AND g.kind <> 'department'
JOIN users u ON u.company_id = g.company_id AND u.location_id = coalesce(g.location_id, u.location_id)
WHERE (d.departments IS NULL OR u.department = ANY (d.departments))
  AND d.percentiles @> pg_temp.dice(pg_temp.luck(u.email || d.die), 0, 100)
  AND u.status <> 'departed'
  AND (g.kind = 'shift' OR u.hired_on <= date '2026-07-31');

DROP TABLE staffing, profession, duty, name_origin, short_name;
DROP FUNCTION pg_temp.luck(text), pg_temp.dice(bytea, int, int);
