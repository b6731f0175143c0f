-- Edge devices and the groups they serve. A device with no list serves every group of its location and every
-- company-wide group; the one in New York is new and serves none yet; two are switched off.
CREATE TEMPORARY TABLE installation (
  position bigint GENERATED ALWAYS AS IDENTITY,
  code text, area text, name text, model text, serial text, mac_address text, is_active boolean,
  installed_at timestamptz, warranty_until date, hardware jsonb, groups text[]
);
INSERT INTO installation
  (code, area, name, model, serial, mac_address, is_active, installed_at, warranty_until, hardware, groups)
VALUES
  ('SFO', 'Lobby', 'SFO Lobby Gateway', 'Jetson Xavier NX', '1421921047713', '48:b0:2d:e9:c3:b7', true,
   '2024-05-14 17:32:08+00', '2027-05-14', '{"ramGb": 8, "storageGb": 128, "doors": 6}', NULL),
  ('SFO', 'Server Room', 'SFO Server Room Gateway', 'Jetson Orin Nano', '1423724018265',
   '48:b0:2d:1a:7f:42', true, '2025-02-20 19:05:41+00', '2028-02-20',
   '{"ramGb": 8, "storageGb": 256, "doors": 2}',
   '{IT Operations,Facilities,Security,Night Shift,On-Call Engineers,Emergency Response Team}'),
  ('SFO', 'Loading Dock', 'SFO Loading Dock Gateway', 'Jetson Xavier NX', '1420120096438',
   '48:b0:2d:5c:08:e1', false, '2022-09-08 16:48:20+00', '2025-09-08',
   '{"ramGb": 8, "storageGb": 64, "doors": 3}', '{Facilities,Security}'),
  ('AUS', 'Lobby', 'AUS Lobby Gateway', 'Jetson Orin Nano', '1423724022907', '48:b0:2d:73:b4:0d', true,
   '2025-03-11 15:20:33+00', '2028-03-11', '{"ramGb": 8, "storageGb": 256, "doors": 5}', NULL),
  ('AUS', 'Electronics Lab', 'AUS Lab Cell Controller', 'Advantech UNO-2484G', 'KSA4127753',
   '74:fe:48:31:9a:c6', true, '2023-11-02 18:11:57+00', '2026-11-02',
   '{"ramGb": 16, "storageGb": 512, "doors": 4, "dinRail": true}', '{Hardware Lab,Facilities,Security}'),
  ('CHI', 'Receiving Docks', 'CHI Dock Controller', 'OnLogic Helix 511', 'HX511-2308-0417',
   '84:8b:cd:4e:12:f9', true, '2023-08-24 13:02:46+00', '2028-08-24',
   '{"ramGb": 32, "storageGb": 1024, "doors": 24}', NULL),
  ('RDU', 'Lobby', 'RDU Lobby Gateway', 'Jetson Orin Nano', '1424024007151', '48:b0:2d:c2:66:98', true,
   '2025-06-17 14:40:12+00', '2028-06-17', '{"ramGb": 8, "storageGb": 256, "doors": 3}', NULL),
  ('NYC', 'Reception', 'NYC Reception Gateway', 'Jetson Orin Nano', '1425825013380', '48:b0:2d:9f:e0:35',
   true, '2026-10-27 18:25:00+00', '2029-10-27', '{"ramGb": 8, "storageGb": 256, "doors": 2}', '{}'),
  ('DEN', 'Main Entrance', 'DEN Campus Gateway', 'OnLogic Helix 511', 'HX511-2411-0093',
   '84:8b:cd:07:d5:3b', true, '2024-11-19 20:14:29+00', '2029-11-19',
   '{"ramGb": 32, "storageGb": 1024, "doors": 31}', NULL),
  ('DEN', 'Radiology Suite', 'DEN Imaging Controller', 'Advantech UNO-2484G', 'KSA4139026',
   '74:fe:48:b8:20:5e', true, '2024-01-30 21:37:03+00', '2027-01-30',
   '{"ramGb": 16, "storageGb": 512, "doors": 5, "dinRail": true}',
   '{Radiology,Radiation Workers,Facilities,Security}'),
  ('FTC', 'Reception', 'FTC Surgery Gateway', 'Jetson Orin Nano', '1424224016648', '48:b0:2d:2e:a1:7c', true,
   '2025-08-05 16:52:18+00', '2028-08-05', '{"ramGb": 8, "storageGb": 256, "doors": 8}', NULL),
  ('BLD', 'Reception', 'BLD Clinic Gateway', 'Jetson Xavier NX', '1420421033572', '48:b0:2d:84:3d:f0', false,
   '2022-04-12 17:09:55+00', '2025-04-12', '{"ramGb": 8, "storageGb": 64, "doors": 4}', NULL);

INSERT INTO devices
  (company_id, location_id, area_id, name, model, serial, mac_address, is_active, installed_at,
   warranty_until, hardware)
SELECT l.company_id, l.id, a.id, i.name, i.model, i.serial, i.mac_address, i.is_active, i.installed_at,
       i.warranty_until, i.hardware
FROM installation i
JOIN locations l USING (code)
JOIN areas a ON a.location_id = l.id AND a.name = i.area
ORDER BY i.position;

INSERT INTO device_groups (device_id, group_id)
SELECT d.id, g.id
FROM installation i
JOIN devices d USING (mac_address)
JOIN groups g ON g.company_id = d.company_id AND coalesce(g.location_id, d.location_id) = d.location_id
WHERE i.groups IS NULL OR g.name = ANY (i.groups);

DROP TABLE installation;

-- The first scope query should not wait for autovacuum to learn how large these tables are.
ANALYZE companies, locations, areas, groups, users, group_members, group_areas, devices, device_groups;
