import { hideKnownSecrets } from './known-secrets';

const HIDDEN = '[hidden]';

const SECRET_NAME =
  'authorization|cookie|set-cookie|password|passwd|currentPassword|newPassword|operatorPassword|passwordHash|secret|token|' +
  'apiKey|privateKey|clientSecret|accessToken|refreshToken|access_token|refresh_token';

/** Fields with these names, at any depth and in whatever object they stand. */
const SECRET_FIELD = new RegExp(`"(${SECRET_NAME})":(?:"(?:[^"\\\\]|\\\\.)*"|[\\d.]+|\\[[^\\]]*\\])`, 'gi');

/** The same in JSON that is itself a string of the line, so that its quotes are escaped. */
const QUOTED_SECRET_FIELD = new RegExp(`\\\\"(${SECRET_NAME})\\\\"\\s*:\\s*\\\\"[^"\\\\]*\\\\"`, 'gi');

/**
 * Greedy up to the last `@` of a word, as passwords with an unescaped `@` exist. Lengths are bounded, so that a long
 * line cannot take quadratic time.
 */
const URL_PASSWORD = /\b([a-z][a-z0-9+.-]{0,19}:\/\/[^\s:/@"]{0,200}):[^\s"]{0,500}@/gi;

/** A token in the place of a user, as servers of NATS take it. A user of a database is no secret. */
const URL_TOKEN = /\b((?:nats|tls|wss?|https?|rediss?):\/\/)[^\s:/@"?#]{1,500}@/gi;

/** Base64 has capitals or digits, and words of a sentence have none. */
const BASIC = /\bBasic\s+(?=\S{0,500}[A-Z0-9])[\w+/=-]{8,}/g;

const BEARER = /\bBearer\s+[\w.~+/=-]+/gi;

/** Tokens and keys that central makes: for enrolment, of agents, for refreshing, of automation. */
const OWN_TOKEN = /\brv[ekrt]_[\w-]{20,}(\.[\w-]+)?/g;

/** A JWS: of a device, of an operator. */
const SIGNED_TOKEN = /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g;

/** `password=…` of a libpq connection string. */
const CONNECTION_PASSWORD = /\bpassword=(?:'[^']*'|[^\s"'&;]+)/gi;

/** Hides what must never be read in a log. Works on whole JSON lines as well as on plain sentences. */
export function redactSecrets(text: string): string {
  return hideKnownSecrets(text, HIDDEN)
    .replace(SECRET_FIELD, `"$1":"${HIDDEN}"`)
    .replace(QUOTED_SECRET_FIELD, `\\"$1\\":\\"${HIDDEN}\\"`)
    .replace(URL_PASSWORD, `$1:${HIDDEN}@`)
    .replace(URL_TOKEN, `$1${HIDDEN}@`)
    .replace(CONNECTION_PASSWORD, `password=${HIDDEN}`)
    .replace(BEARER, `Bearer ${HIDDEN}`)
    .replace(BASIC, `Basic ${HIDDEN}`)
    .replace(OWN_TOKEN, HIDDEN)
    .replace(SIGNED_TOKEN, HIDDEN);
}
