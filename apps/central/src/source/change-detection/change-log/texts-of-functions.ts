/** The texts of the functions that a script makes, by name, as the catalogue has them. */
export function textsOfFunctions(script: string): Record<string, string> {
  const functions = script.matchAll(/FUNCTION rivulet\.(\w+)\([^$]*?\$function\$([^]*?)\$function\$/g);
  return Object.fromEntries([...functions].map(([, name, text]) => [name!, text!]));
}
