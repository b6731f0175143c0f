import type { ErrorDescription } from './error-description';

export const workerErrors = {
  WORKER_KEY_INVALID: {
    title: 'The internal key is wrong or missing',
    meaning:
      'The request has another X-Internal-Key than the worker, or comes from another host and is not signed.',
    nextStep: 'Give agent and worker the same key: EDGE_WORKER_KEY and WORKER_INTERNAL_KEY.',
    transient: false,
  },
  WORKER_SIGNATURE_INVALID: {
    title: 'The signature of the request is wrong',
    meaning:
      'X-Signature is not the HMAC-SHA256 of X-Timestamp, X-Nonce, X-Audience and the body with the internal key.',
    nextStep: 'Give agent and worker the same key, and let no proxy change the body.',
    transient: false,
  },
  WORKER_REQUEST_OUT_OF_TIME: {
    title: 'The request was signed at another time',
    meaning: 'X-Timestamp is more than 5 minutes away from the clock of the worker, or before its start.',
    nextStep: 'Set the clocks of both hosts; a new request with the present time is accepted.',
    transient: true,
  },
  WORKER_REQUEST_REPLAYED: {
    title: 'The request came before',
    meaning: 'X-Nonce was used by a request that the worker has accepted.',
    nextStep:
      'Sign each request with a nonce of its own; if it was not yours, somebody repeats what they have recorded.',
    transient: false,
  },
  WORKER_REQUEST_MISDIRECTED: {
    title: 'The request was signed for another worker',
    meaning: 'X-Audience is neither an address of this worker nor one of its URLs.',
    nextStep:
      'Add its URL in EDGE_WORKER_URLS to WORKER_URLS; if it was not yours, somebody repeats what they have recorded.',
    transient: false,
  },
  WORKER_CONFIGURATION_INVALID: {
    title: 'The worker cannot run by this configuration',
    meaning: 'The configuration has neither config_url nor url as a text.',
    nextStep: 'Correct the configuration at central; the one before stays in force.',
    transient: false,
  },
  WORKER_UNCONFIGURED: {
    title: 'The worker has no configuration',
    meaning: 'The worker has not been given a configuration since it was started.',
    nextStep: 'Wait for the agent, or look at its log.',
    transient: true,
  },
  TASK_TARGET_REFUSED: {
    title: 'The task may not go there',
    meaning: 'The task, or a redirect of it, is for a URL, host or address that the worker may not call.',
    nextStep: 'Correct the configuration, or allow it: WORKER_ALLOWED_HOSTS, WORKER_ALLOWED_NETWORKS.',
    transient: false,
  },
  TASK_FAILED: {
    title: 'The task failed',
    meaning: 'The host of the task cannot be found or reached, redirects too often, or does not speak HTTP.',
    nextStep: 'Look at the message; the next run tries again.',
    transient: true,
  },
  TASK_TIMEOUT: {
    title: 'The task took too long',
    meaning: 'The task did not end within WORKER_TASK_TIMEOUT.',
    nextStep: 'Look at the host of the task, or allow more time.',
    transient: true,
  },
  TASK_ANSWER_TOO_LARGE: {
    title: 'The answer to the task is too large',
    meaning: 'The answer has more bytes than WORKER_TASK_MAX_BYTES.',
    nextStep: 'Ask for less, or allow more.',
    transient: false,
  },
  WORKER_REFUSED: {
    title: 'A worker refuses the configuration',
    meaning: 'A worker has answered the edge with a status from 400 to 499, except 401, 408 and 429.',
    nextStep:
      'The last good version is in force again. Correct the configuration as the message of the worker says.',
    transient: false,
  },
  WORKER_UNREACHABLE: {
    title: 'A worker cannot be reached',
    meaning:
      'A worker does not answer the edge, or with its own error, or does not take its key, its clock or the URL (401).',
    nextStep:
      'Look whether it runs, and whether EDGE_WORKER_URLS, EDGE_WORKER_KEY and WORKER_URLS are right; the edge tries again.',
    transient: true,
  },
  WORKER_UNHEALTHY: {
    title: 'A worker is not healthy with the configuration',
    meaning:
      'GET /health of a worker has failed within EDGE_WORKER_HEALTHY_FOR after it was given a version.',
    nextStep: 'The last good version is in force again. Look at the log of the worker.',
    transient: true,
  },
} as const satisfies Record<string, ErrorDescription>;
