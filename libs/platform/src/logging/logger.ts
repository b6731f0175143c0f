import { pino, stdTimeFunctions, type DestinationStream, type LevelWithSilent, type Logger } from 'pino';
import { PinoPretty } from 'pino-pretty';
import { errorSummary } from './error-summary';
import { redactSecrets } from './redaction';

export type AppLogger = Logger;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export interface LoggingOptions {
  app: string;
  /** `info` unless given. */
  level?: LevelWithSilent;
  /** Unless given: pretty in a terminal, JSON in production and everywhere else. */
  format?: 'json' | 'pretty';
  /** Standard output unless given. */
  destination?: DestinationStream;
}

/** Nest tells every module and route it finds; that is worth reading only when something is missing. */
const CHATTY_CONTEXTS = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

const START_CONTEXTS = new Set(['ExceptionHandler', 'NestApplication']);

const INFO = 30;
const ERROR = 50;

/**
 * The one logger of a process. It writes synchronously: a line that stands in the log has been written when the
 * process ends, however it ends.
 */
export function createLogger(options: LoggingOptions): AppLogger {
  const format = options.format ?? defaultFormat();
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true });
  return pino(
    {
      level: options.level ?? 'info',
      base: { app: options.app },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorSummary },
      hooks: { logMethod: quietNest, streamWrite: redactSecrets },
    },
    format === 'pretty' ? prettyStream(destination) : destination,
  );
}

function defaultFormat(): 'json' | 'pretty' {
  return process.stdout.isTTY && process.env['NODE_ENV'] !== 'production' ? 'pretty' : 'json';
}

function quietNest(this: Logger, args: Parameters<pino.LogFn>, method: pino.LogFn, level: number): void {
  const { context } = (typeof args[0] === 'object' && args[0] !== null ? args[0] : {}) as {
    context?: string;
  };
  // A failed start is reported once, in words, by reportStartFailure.
  if (level === ERROR && START_CONTEXTS.has(context ?? '')) return;
  if (level === INFO && context !== undefined && CHATTY_CONTEXTS.has(context)) this.debug(...args);
  else method.apply(this, args);
}

function prettyStream(destination: DestinationStream): DestinationStream {
  return PinoPretty({
    colorize: process.stdout.isTTY,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
    ignore: 'app,context,method,url,status,ms',
    messageFormat: (log, messageKey) => {
      const context = typeof log['context'] === 'string' ? `${log['context']}: ` : '';
      const message = log[messageKey];
      return printable(context + (typeof message === 'string' ? message : ''));
    },
    destination: destination as NodeJS.WritableStream,
    sync: true,
  });
}

/** A terminal obeys control characters, and parts of a message may come from a caller. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·');
}
