-- Rooms and zones of every location, and which groups may enter which.
CREATE TEMPORARY TABLE floor_plan (
  position bigint GENERATED ALWAYS AS IDENTITY,
  code text, name text, floor text, security_level int, capacity int, floor_area_m2 numeric, groups text[]
);
INSERT INTO floor_plan (code, name, floor, security_level, capacity, floor_area_m2, groups) VALUES
  ('SFO', 'Lobby', '1', 0, 120, 412.0, '{}'),
  ('SFO', 'Visitor Conference Center', '1', 0, 90, 286.5, '{}'),
  ('SFO', 'Loading Dock', '1', 2, 20, 198.0, '{}'),
  ('SFO', 'Mail Room', '1', 2, 8, 46.5, '{}'),
  ('SFO', 'Bicycle Storage', 'B1', 1, NULL, 84.0, '{}'),
  ('SFO', 'Parking Garage', 'B2', 1, NULL, 3140.0, '{}'),
  ('SFO', 'Cafeteria', '2', 1, 260, 688.0, '{}'),
  ('SFO', 'Fitness Room', '2', 1, 40, 172.0, '{}'),
  ('SFO', 'Engineering Floor', '3', 1, 210, 1824.0, '{}'),
  ('SFO', 'Hardware Prototyping Lab', '3', 2, 24, 236.0, '{Engineering,Product and Design}'),
  ('SFO', 'Sales Floor', '4', 1, 190, 1610.5, '{}'),
  ('SFO', 'Finance Suite', '5', 2, 70, 540.0, '{Finance,Executive Committee}'),
  ('SFO', 'Records Archive', '5', 3, 6, 98.0, '{Legal,Finance,People Operations}'),
  ('SFO', 'Board Room', '6', 2, 28, 122.5, '{Executive Committee,Legal}'),
  ('SFO', 'Executive Suite', '6', 3, 30, 310.0, '{Executive Committee}'),
  ('SFO', 'Server Room', '4', 4, 6, 142.0, '{IT Operations,On-Call Engineers}'),
  ('SFO', 'Network Closet East', '3', 3, 2, 9.5, '{IT Operations}'),
  ('SFO', 'Electrical Room', 'B1', 3, 4, 38.0, '{}'),
  ('SFO', 'Security Operations Center', '1', 4, 12, 104.0, '{Emergency Response Team}'),
  ('SFO', 'Roof Terrace', '7', 1, 80, 265.0, '{}'),
  ('AUS', 'Lobby', '1', 0, 80, 264.0, '{}'),
  ('AUS', 'Cafeteria', '1', 1, 180, 470.0, '{}'),
  ('AUS', 'Engineering Floor', '2', 1, 320, 2650.0, '{}'),
  ('AUS', 'Environmental Test Chamber', '1', 3, 6, 164.0, '{Hardware Lab}'),
  ('AUS', 'EMC Chamber', '1', 3, 4, 121.0, '{Hardware Lab}'),
  ('AUS', 'Electronics Lab', '1', 2, 60, 812.5, '{Hardware Lab,Engineering}'),
  ('AUS', 'Prototype Machine Shop', '1', 3, 16, 390.0, '{Hardware Lab}'),
  ('AUS', 'Component Store', '1', 3, 8, 205.0, '{Hardware Lab}'),
  ('AUS', 'Battery Storage', '1', 4, 3, 62.0, '{Hardware Lab,Emergency Response Team}'),
  ('AUS', 'Server Room', '2', 4, 6, 118.0, '{IT Operations,On-Call Engineers}'),
  ('AUS', 'Electrical Room', '1', 3, 4, 41.0, '{}'),
  ('CHI', 'Lobby', '1', 0, 40, 118.0, '{}'),
  ('CHI', 'Break Room', '1', 1, 120, 320.0, '{}'),
  ('CHI', 'Receiving Docks', '1', 2, 80, 2940.0, '{Warehouse,Fleet and Transport,Inventory Control}'),
  ('CHI', 'Shipping Docks', '1', 2, 80, 3120.0, '{Warehouse,Fleet and Transport}'),
  ('CHI', 'High-Bay Storage', '1', 2, 60, 14800.0, '{Warehouse,Inventory Control,Forklift Operators}'),
  ('CHI', 'Cold Storage', '1', 3, 10, 1260.0, '{Inventory Control,Forklift Operators}'),
  ('CHI', 'Hazardous Goods Cage', '1', 4, 4, 186.0, '{Inventory Control,Emergency Response Team}'),
  ('CHI', 'Returns Area', '1', 2, 40, 980.0, '{Warehouse,Inventory Control}'),
  ('CHI', 'Truck Yard', '1', 2, NULL, 26500.0, '{Fleet and Transport}'),
  ('CHI', 'Fleet Workshop', '1', 2, 18, 740.0, '{Fleet and Transport}'),
  ('CHI', 'Server Room', '2', 4, 4, 48.0, '{IT Operations}'),
  ('RDU', 'Lobby', '1', 0, 40, 132.0, '{}'),
  ('RDU', 'Support Floor', '2', 1, 220, 1540.0, '{}'),
  ('RDU', 'Training Center', '1', 1, 60, 248.0, '{}'),
  ('RDU', 'Customer Replica Lab', '2', 2, 16, 175.0, '{Engineering,Customer Success}'),
  ('RDU', 'Server Room', '2', 4, 4, 56.0, '{IT Operations,On-Call Engineers}'),
  ('NYC', 'Reception', '11', 0, 30, 88.0, '{}'),
  ('NYC', 'Sales Floor', '11', 1, 120, 860.0, '{}'),
  ('NYC', 'Client Briefing Center', '11', 1, 40, 204.0, '{}'),
  ('NYC', 'Contract Archive', '11', 3, 4, 32.0, '{Legal}'),
  ('NYC', 'Network Closet', '11', 3, 2, 8.0, '{}'),
  ('DEN', 'Main Entrance', '1', 0, 200, 640.0, '{}'),
  ('DEN', 'Cafeteria', '1', 0, 240, 720.0, '{}'),
  ('DEN', 'Emergency Department', '1', 2, 110, 2380.0, '{Nursing,Medical Staff,Patient Services}'),
  ('DEN', 'Radiology Suite', '1', 3, 40, 1145.0, '{Radiology,Medical Staff}'),
  ('DEN', 'MRI Zone IV', '1', 4, 4, 62.0, '{Radiation Workers}'),
  ('DEN', 'Inpatient Ward 3 West', '3', 2, 90, 1890.0, '{Nursing,Medical Staff}'),
  ('DEN', 'Inpatient Ward 4 West', '4', 2, 90, 1890.0, '{Nursing,Medical Staff}'),
  ('DEN', 'Intensive Care Unit', '2', 3, 60, 1420.0, '{Nursing,Medical Staff,Rapid Response Team}'),
  ('DEN', 'Operating Theaters', '2', 3, 48, 1760.0, '{Nursing,Medical Staff}'),
  ('DEN', 'Clinical Laboratory', 'B1', 3, 36, 980.0, '{Laboratory}'),
  ('DEN', 'Pharmacy', 'B1', 3, 22, 415.0, '{Pharmacy}'),
  ('DEN', 'Controlled Substances Vault', 'B1', 4, 2, 24.0, '{Pharmacy,Medication Key Holders}'),
  ('DEN', 'Medical Gas Store', 'B1', 3, 4, 74.0, '{}'),
  ('DEN', 'Data Center', 'B1', 4, 6, 210.0, '{IT Operations}'),
  ('DEN', 'Administration', '5', 1, 110, 1210.0, '{}'),
  ('AUR', 'Reception', '1', 0, 40, 122.0, '{}'),
  ('AUR', 'CT Suite', '1', 3, 10, 180.0, '{Radiology,Nursing}'),
  ('AUR', 'MRI Zone IV', '1', 4, 4, 58.0, '{Radiation Workers}'),
  ('AUR', 'Reading Room', '1', 2, 12, 76.0, '{Radiology}'),
  ('BLD', 'Reception', '1', 0, 50, 140.0, '{}'),
  ('BLD', 'Exam Rooms', '1', 2, 48, 620.0, '{Nursing,Medical Staff,Patient Services}'),
  ('BLD', 'Specimen Laboratory', '1', 3, 8, 92.0, '{Laboratory}'),
  ('BLD', 'Vaccine Storage', '1', 3, 3, 18.5, '{Nursing,Medical Staff}'),
  ('FTC', 'Reception', '1', 0, 60, 190.0, '{}'),
  ('FTC', 'Pre-Op and Recovery', '1', 2, 60, 870.0, '{Nursing,Medical Staff,Patient Services}'),
  ('FTC', 'Operating Rooms', '1', 3, 36, 1040.0, '{Nursing,Medical Staff}'),
  ('FTC', 'Sterile Processing', '1', 3, 14, 285.0, '{Nursing}'),
  ('FTC', 'Pharmacy', '1', 4, 6, 84.0, '{Pharmacy,Medication Key Holders}'),
  ('FTC', 'Staff Lounge', '2', 1, 50, 160.0, '{}'),
  ('COS', 'Reception', '1', 0, 40, 115.0, '{}'),
  ('COS', 'Therapy Gym', '1', 1, 50, 540.0, '{}'),
  ('COS', 'Hydrotherapy Pool', '1', 2, 16, 230.0, '{Therapy}'),
  ('COS', 'Records Room', '1', 3, 3, 22.0, '{Patient Services}');

INSERT INTO areas (location_id, name, floor, security_level, capacity, floor_area_m2)
SELECT l.id, p.name, p.floor, p.security_level, p.capacity, p.floor_area_m2
FROM floor_plan p
JOIN locations l USING (code)
ORDER BY p.position;

-- Levels 0 and 1 are open to every group of the location and every company-wide group; above that a group
-- must be named, except that Facilities and Security go everywhere, Facilities with an escort where it
-- matters most.
INSERT INTO group_areas (group_id, area_id, hours, escort_required, granted_on)
SELECT g.id, a.id,
       CASE WHEN g.kind = 'shift' THEN 'shift'
            WHEN g.kind = 'role' OR g.name IN ('Security', 'IT Operations') OR a.security_level = 0 THEN
              'always'
            ELSE 'business' END,
       a.security_level = 4 AND g.name = 'Facilities',
       CASE WHEN g.kind = 'department' THEN l.opened_on ELSE greatest(l.opened_on, date '2024-02-05') END
FROM floor_plan p
JOIN locations l USING (code)
JOIN areas a ON a.location_id = l.id AND a.name = p.name
JOIN groups g ON g.company_id = l.company_id AND coalesce(g.location_id, l.id) = l.id
WHERE a.security_level <= 1 OR g.name = ANY (p.groups) OR g.name IN ('Facilities', 'Security');

DROP TABLE floor_plan;
