export type IdentityKind = 'user' | 'operator' | 'device';

/** Who is at the other end of a connection, by a token that was verified. */
export interface Identity {
  kind: IdentityKind;
  /** The `sub` of a user of the data owner's application; `operator:…` or `device:…` for those that central itself knows. */
  userId: string;
  /** Facts about the caller that rules may ask for. */
  claims: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970. The connection ends then, unless another token has come. */
  expiresAtMs: number | undefined;
  /** Looks again whether central still knows this device or operator. @throws RivuletError where it does not */
  stillServed?: () => Promise<void>;
}

/** The values of a claim as texts: of a list each, of anything else that is no text, number or boolean none. */
export function claimValues({ claims }: Identity, name: string): string[] {
  if (!Object.hasOwn(claims, name)) return [];
  const value = claims[name];
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((item) => ['string', 'number', 'boolean'].includes(typeof item)).map(String);
}
