import { extensionOfType, extensionTypeText } from '@rivulet/postgres';

/**
 * SQL: the type of a row of pg_attribute as a manifest names it. A type that belongs neither to PostgreSQL nor to an
 * extension gets a text that no manifest has; otherwise `citext.citext` could be a user's type in a schema of that name.
 */
export const columnTypeText = `(
  SELECT CASE
    WHEN extension IS NOT NULL THEN ${extensionTypeText('extension', 'element', 'atttypmod')}
      || CASE WHEN element.oid <> whole.oid THEN '[]' ELSE '' END
    WHEN element.typnamespace = 'pg_catalog'::regnamespace THEN format_type(atttypid, atttypmod)
    ELSE 'local type ' || format_type(atttypid, atttypmod)
  END
  FROM pg_type whole
  JOIN pg_type element ON element.oid =
    CASE WHEN whole.typcategory = 'A' AND whole.typelem <> 0 THEN whole.typelem ELSE whole.oid END
  CROSS JOIN LATERAL (SELECT ${extensionOfType('element.oid')} AS extension) AS owner
  WHERE whole.oid = atttypid)`;
