const HIDDEN = '[hidden]';

const SECRET_NAME =
  'authorization|cookie|set-cookie|password|passwd|secret|token|apiKey|privateKey|clientSecret|accessToken|refreshToken';

/** Fields with these names, at any depth and in whatever object they stand. */
const SECRET_FIELD = new RegExp(`"(${SECRET_NAME})":(?:"(?:[^"\\\\]|\\\\.)*"|[\\d.]+|\\[[^\\]]*\\])`, 'gi');

/** The same in JSON that is itself a string of the line, so that its quotes are escaped. */
const QUOTED_SECRET_FIELD = new RegExp(`\\\\"(${SECRET_NAME})\\\\"\\s*:\\s*\\\\"[^"\\\\]*\\\\"`, 'gi');

/**
 * Greedy up to the last `@` of a word, as passwords with an unescaped `@` exist. Lengths are bounded, so that a long
 * line cannot take quadratic time.
 */
const URL_PASSWORD = /\b([a-z][a-z0-9+.-]{0,19}:\/\/[^\s:/@"]{0,200}):[^\s"]{0,500}@/gi;

const BEARER = /\bBearer\s+[\w.~+/=-]+/gi;

/** `password=…` of a libpq connection string. */
const CONNECTION_PASSWORD = /\bpassword=(?:'[^']*'|[^\s"'&;]+)/gi;

/** Hides what must never be read in a log. Works on whole JSON lines as well as on plain sentences. */
export function redactSecrets(text: string): string {
  return text
    .replace(SECRET_FIELD, `"$1":"${HIDDEN}"`)
    .replace(QUOTED_SECRET_FIELD, `\\"$1\\":\\"${HIDDEN}\\"`)
    .replace(URL_PASSWORD, `$1:${HIDDEN}@`)
    .replace(CONNECTION_PASSWORD, `password=${HIDDEN}`)
    .replace(BEARER, `Bearer ${HIDDEN}`);
}
