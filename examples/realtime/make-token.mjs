// Makes a token for a user, as an application does at its login. Takes the variables that central has.
import { createHmac } from 'node:crypto';

const {
  CENTRAL_REALTIME_SECRET: secret,
  CENTRAL_REALTIME_ISSUER: iss,
  CENTRAL_REALTIME_AUDIENCE: aud,
} = process.env;
const [sub, claims = '{}'] = process.argv.slice(2);

if (!secret || !iss || !aud || !sub) {
  process.stderr.write(
    'Set CENTRAL_REALTIME_SECRET, CENTRAL_REALTIME_ISSUER and CENTRAL_REALTIME_AUDIENCE, and name a user:\n' +
      `  node examples/realtime/make-token.mjs user123 ['{"site_id": 7}']\n`,
  );
  process.exit(2);
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = Math.floor(Date.now() / 1_000);
const head = encode({ alg: 'HS256', typ: 'JWT' });
const body = encode({ ...JSON.parse(claims), sub, iss, aud, iat: now, exp: now + 8 * 3_600 });
const signature = createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url');
process.stdout.write(`${head}.${body}.${signature}\n`);
