import type { ErrorDescription } from './error-description';

const logIn = 'Log in with POST /api/login, or send an API key.';

export const operatorErrors = {
  OPERATOR_UNIDENTIFIED: {
    title: 'Nobody is logged in',
    meaning: 'An operator route was called without a token, an API key, or a user name and password.',
    nextStep: logIn,
    transient: false,
  },
  OPERATOR_TOKEN_INVALID: {
    title: 'The token is not valid',
    meaning:
      'The access token or API key is malformed, was not issued by this central, or was ended by its owner or an admin.',
    nextStep: logIn,
    transient: false,
  },
  OPERATOR_TOKEN_EXPIRED: {
    title: 'The token has expired',
    meaning: 'The access token is older than CENTRAL_LOGIN_TOKEN_LIFE, or the API key has reached its end.',
    nextStep: 'Get a new access token with POST /api/token/refresh, or have a new API key made.',
    transient: false,
  },
  LOGIN_FAILED: {
    title: 'The login failed',
    meaning: 'The user name or e-mail address is unknown, the password is wrong, or the user is disabled.',
    nextStep: 'Check both. An admin can reset a password: POST /api/users/{userId}/password-reset.',
    transient: false,
  },
  LOGIN_THROTTLED: {
    title: 'Too many failed logins',
    meaning: 'This address, or this account from addresses that are new to it, had too many failed logins.',
    nextStep: 'Wait as long as Retry-After says. Tokens and API keys still work.',
    transient: true,
  },
  REFRESH_TOKEN_INVALID: {
    title: 'The refresh token is not valid',
    meaning: 'The refresh token is unknown or has expired, or its session has ended.',
    nextStep: 'Log in again with POST /api/login.',
    transient: false,
  },
  REFRESH_TOKEN_REUSED: {
    title: 'The refresh token was used before',
    meaning: 'A refresh token is valid once. Somebody may have copied it, so the session was ended.',
    nextStep: 'Log in again with POST /api/login, and change the password if nobody of yours sent it twice.',
    transient: false,
  },
  PASSWORD_CHANGE_NEEDED: {
    title: 'The password must be changed first',
    meaning: 'The password was printed or set by somebody else. Until it is changed it opens nothing else.',
    nextStep: 'Change it with POST /api/me/password.',
    transient: false,
  },
  PASSWORD_WEAK: {
    title: 'The password is too weak',
    meaning: 'The new password is too short, too common, the old one, or contains the user name.',
    nextStep: 'Choose a different one of at least 12 characters.',
    transient: false,
  },
  ROLE_INSUFFICIENT: {
    title: 'The role does not allow this',
    meaning: 'The user or API key has a lower role than the route needs.',
    nextStep: 'Ask an admin for the role, or to make the change.',
    transient: false,
  },
  USER_UNKNOWN: {
    title: 'There is no such user',
    meaning: 'No user has this id.',
    nextStep: 'List the users: GET /api/users.',
    transient: false,
  },
  USER_NAME_TAKEN: {
    title: 'The name is taken',
    meaning: 'A different user has this user name or e-mail address; capitals do not matter.',
    nextStep: 'Choose a different one.',
    transient: false,
  },
  LAST_ADMIN: {
    title: 'The last admin must stay',
    meaning: 'The change would leave no active user with the role admin.',
    nextStep: 'Make a different user an admin first.',
    transient: false,
  },
  SESSION_UNKNOWN: {
    title: 'There is no such session',
    meaning: 'The user has no session with this id.',
    nextStep: 'List the sessions of the user.',
    transient: false,
  },
  API_KEY_UNKNOWN: {
    title: 'There is no such API key',
    meaning: 'No API key has this id, or it belongs to a different user.',
    nextStep: 'List the API keys.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
