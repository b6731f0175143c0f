-- What grew in twenty years: several schemas, capitals, blanks, reserved words, an enum and a domain.
CREATE SCHEMA "ERP";
CREATE SCHEMA devices;
CREATE DOMAIN "ERP"."ArticleNo" AS varchar(12) CHECK (VALUE ~ '^[A-Z0-9-]+$');
CREATE TYPE "ERP".unit AS ENUM ('piece', 'kg', 'm');
CREATE TABLE "ERP"."Article" (
  "ArticleNo"  "ERP"."ArticleNo" PRIMARY KEY,
  "Name (de)"  text NOT NULL,
  "unit"       "ERP".unit NOT NULL,
  "order"      integer NOT NULL,
  "Plant"      integer NOT NULL
);
CREATE TABLE devices."user" (
  id     uuid PRIMARY KEY,
  "MAC"  varchar(17) NOT NULL UNIQUE,
  plant  integer NOT NULL
);
INSERT INTO "ERP"."Article" VALUES ('A-1', 'Schraube', 'piece', 1, 10), ('B-2', 'Kabel', 'm', 2, 10);
INSERT INTO devices."user" VALUES ('7b0c2f4e-6a64-4e0e-9d3e-0d6f5a3c1b11', '48-B0-2D-00-00-01', 10);
