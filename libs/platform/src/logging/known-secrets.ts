/** Shorter ones are words, which would be hidden wherever they stand. */
const SECRET_MIN_CHARACTERS = 12;

const known = new Set<string>();

/**
 * Has the text of a setting hidden wherever this process writes it: an error of a library may tell it in any form of
 * words. Of a URL only the password is a secret.
 */
export function keepSecret(text: string): void {
  for (const secret of URL.canParse(text) ? passwordsOf(new URL(text)) : [text]) {
    if (secret.length < SECRET_MIN_CHARACTERS) continue;
    // In JSON, too, and in JSON that a line of JSON quotes.
    for (const form of [secret, quoted(secret), quoted(quoted(secret))]) known.add(form);
  }
}

export function hideKnownSecrets(text: string, hidden: string): string {
  let safe = text;
  for (const secret of known) safe = safe.replaceAll(secret, hidden);
  return safe;
}

function quoted(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function passwordsOf({ password }: URL): string[] {
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
