/** SQL: the extension that a type belongs to, or NULL. @param typeOid an expression, such as `type.oid` */
export function extensionOfType(typeOid: string): string {
  return `(SELECT extname FROM pg_depend JOIN pg_extension ON pg_extension.oid = refobjid
    WHERE classid = 'pg_type'::regclass AND objid = ${typeOid} AND deptype = 'e'
      AND refclassid = 'pg_extension'::regclass)`;
}

/**
 * SQL: the name of an extension's type on the wire, with its modifiers: `postgis.geometry(Point,4326)`. It does not
 * depend on the schema of the type.
 *
 * @param extension an expression for the extension's name
 * @param type an alias of pg_type; not of an array
 * @param typmod an expression
 */
export function extensionTypeText(extension: string, type: string, typmod: string): string {
  // format_type() prints the name, with or without a schema, followed by the modifiers.
  const modifiers = `substr(format_type(${type}.oid, ${typmod}), length(format_type(${type}.oid, NULL)) + 1)`;
  return `quote_ident(${extension}) || '.' || quote_ident(${type}.typname) || ${modifiers}`;
}
