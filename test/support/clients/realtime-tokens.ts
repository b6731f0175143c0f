import { SignJWT } from 'jose';

const REALTIME_SECRET = 'a secret of the application that signs the tokens of its users';

/** What central must be told to believe {@link realtimeToken}. */
export const realtimeVariables = {
  CENTRAL_REALTIME_SECRET: REALTIME_SECRET,
  CENTRAL_REALTIME_ISSUER: 'https://shop.example',
  CENTRAL_REALTIME_AUDIENCE: 'rivulet',
};

/** As the data owner's application makes it for one of its users. */
export function realtimeToken(
  userId: string,
  claims: Record<string, unknown> = {},
  { life = '1h', secret = REALTIME_SECRET, issuer = 'https://shop.example', audience = 'rivulet' } = {},
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(life)
    .sign(new TextEncoder().encode(secret));
}
