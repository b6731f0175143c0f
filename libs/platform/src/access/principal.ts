/** Whoever calls a route, once an authenticator has found out. */
export interface Principal {
  kind: 'anyone' | 'local' | 'device' | 'operator';
  /** Stays the same for as long as it exists. */
  id: string;
  /** For people: in the log, in the audit log. */
  name: string;
}

/** The principal that the access guard leaves on a request. */
export interface PrincipalRequest {
  principal?: Principal;
}
