/**
 * Who may call a route. `public`: anyone. `device`: a device that has proved itself. `viewer`, `operator`, `admin`: a
 * person or API key with this role or a higher one. `local`: this machine, or whoever has the token of the app.
 */
export type AccessRule = 'public' | 'device' | 'viewer' | 'operator' | 'admin' | 'local';
