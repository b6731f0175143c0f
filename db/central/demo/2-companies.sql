-- Two companies, so that scoping shows: nothing of one may ever reach a device of the other.
-- The seed is deterministic (no random(), no now()): the same rows with the same ids everywhere. It describes
-- Friday 2026-10-30. Domains are under .example and phone numbers are 555-01xx, both reserved for fiction.

INSERT INTO companies
  (name, legal_name, domain, industry, badge_prefix, founded_on, settings, created_at)
VALUES
  ('TechCorp Industries', 'TechCorp Industries, Inc.', 'techcorp.example', 'Industrial automation', 'TC',
   '1998-04-06', '{"fiscalYearStarts": "02-01", "badgeValidDays": 730, "visitorEscort": true}',
   '2023-03-14 16:20:00+00'),
  ('Meridian Health Partners', 'Meridian Health Partners LLC', 'meridianhealth.example', 'Health care', 'MH',
   '1987-09-14', '{"fiscalYearStarts": "07-01", "badgeValidDays": 365, "visitorEscort": true}',
   '2024-08-05 14:05:00+00');

INSERT INTO locations
  (company_id, code, name, is_head_office, street, city, region, postal_code, country_code, time_zone,
   phone_prefix, latitude, longitude, opened_on)
SELECT c.id, l.code, l.name, l.is_head_office, l.street, l.city, l.region, l.postal_code, 'US', l.time_zone,
       l.phone_prefix, l.latitude, l.longitude, l.opened_on::date
FROM (VALUES
  ('TC', 'SFO', 'San Francisco Office', true, '410 Harborline Street', 'San Francisco', 'CA', '94105',
   'America/Los_Angeles', '+1 415-555', 37.789172, -122.396960, '1998-04-06'),
  ('TC', 'AUS', 'Austin Engineering Center', false, '2200 Limestone Ridge Parkway', 'Austin', 'TX', '78758',
   'America/Chicago', '+1 512-555', 30.389404, -97.719818, '2009-06-01'),
  ('TC', 'CHI', 'Chicago Distribution Hub', false, '7850 Calumet Freight Road', 'Chicago', 'IL', '60633',
   'America/Chicago', '+1 312-555', 41.663518, -87.561240, '2004-10-04'),
  ('TC', 'RDU', 'Raleigh Support Center', false, '1315 Longleaf Pine Drive', 'Raleigh', 'NC', '27606',
   'America/New_York', '+1 919-555', 35.763850, -78.720412, '2014-03-03'),
  ('TC', 'NYC', 'New York Sales Office', false, '96 Gansett Street, 11th Floor', 'New York', 'NY', '10014',
   'America/New_York', '+1 212-555', 40.739706, -74.007312, '2011-09-12'),
  ('MH', 'DEN', 'Denver Medical Campus', true, '3300 Cottonwood Grove Avenue', 'Denver', 'CO', '80218',
   'America/Denver', '+1 303-555', 39.743943, -104.969210, '1987-09-14'),
  ('MH', 'AUR', 'Aurora Imaging Center', false, '14725 East Prairie Clover Way', 'Aurora', 'CO', '80012',
   'America/Denver', '+1 983-555', 39.703318, -104.814870, '2012-05-07'),
  ('MH', 'BLD', 'Boulder Family Clinic', false, '58 Flagstone Court', 'Boulder', 'CO', '80302',
   'America/Denver', '+1 720-555', 40.019612, -105.278440, '2003-02-03'),
  ('MH', 'FTC', 'Fort Collins Surgery Center', false, '1940 Willow Bend Road', 'Fort Collins', 'CO', '80525',
   'America/Denver', '+1 970-555', 40.548870, -105.062119, '2008-08-18'),
  ('MH', 'COS', 'Colorado Springs Rehabilitation Clinic', false, '675 Granite Wash Boulevard',
   'Colorado Springs', 'CO', '80918', 'America/Denver', '+1 719-555', 38.910226, -104.772955, '2016-11-07')
) AS l (company, code, name, is_head_office, street, city, region, postal_code, time_zone, phone_prefix,
        latitude, longitude, opened_on)
JOIN companies c ON c.badge_prefix = l.company
ORDER BY c.id, l.opened_on::date;
