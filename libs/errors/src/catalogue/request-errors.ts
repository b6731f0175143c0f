import type { ErrorDescription } from './error-description';

export const requestErrors = {
  REQUEST_INVALID: {
    title: 'The request is not valid',
    meaning: 'A field is missing, unknown, of the wrong type or out of range; `errors` names each one.',
    nextStep: 'Correct the named fields and send the request again.',
    transient: false,
  },
  REQUEST_TOO_LARGE: {
    title: 'The request is too large',
    meaning: 'The body has more bytes or values than this route accepts, or the headers have more bytes.',
    nextStep: 'Send a smaller request.',
    transient: false,
  },
  REQUEST_TIMEOUT: {
    title: 'The request did not arrive in time',
    meaning:
      'The server waited for the rest of a request. The network may be slow, or the server itself was stopped.',
    nextStep: 'Send the same request again, on a new connection.',
    transient: true,
  },
  MEDIA_TYPE_UNSUPPORTED: {
    title: 'The content type is not supported',
    meaning: 'The route accepts JSON, and the request has a different content type.',
    nextStep: 'Send the body as application/json.',
    transient: false,
  },
  METHOD_NOT_ALLOWED: {
    title: 'The method is not allowed here',
    meaning: 'The path exists, but with a different method.',
    nextStep: 'Use a method that the Allow header names.',
    transient: false,
  },
  ROUTE_UNKNOWN: {
    title: 'No such route',
    meaning: 'No route has this path.',
    nextStep: 'See /api/docs for the routes of this app.',
    transient: false,
  },
  RATE_LIMITED: {
    title: 'Too many calls',
    meaning: 'A device, operator or address made more calls in a minute than its limit.',
    nextStep: 'Wait as long as Retry-After says.',
    transient: true,
  },
  CALLER_NOT_LOCAL: {
    title: 'The route is for this machine only',
    meaning:
      'The route was called from a different machine, through a proxy, or by a web page of a different site.',
    nextStep: 'Call it on the machine that the app runs on, at http://localhost.',
    transient: false,
  },
  API_TOKEN_INVALID: {
    title: 'The API token is wrong',
    meaning: 'The call has a token, and it is not the one that this edge was given.',
    nextStep: 'Send the value of EDGE_API_TOKEN as Bearer, or, on the machine of the edge, no token.',
    transient: false,
  },
  INTERNAL: {
    title: 'Internal error',
    meaning: 'An unexpected error; the log has the details under the request ID.',
    nextStep: 'Look up the request ID in the log and report the error.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
