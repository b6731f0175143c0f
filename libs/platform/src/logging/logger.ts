import {
  pino,
  stdTimeFunctions,
  type DestinationStream,
  type LevelWithSilent,
  type Logger,
  type LoggerOptions,
} from 'pino';
import { PinoPretty } from 'pino-pretty';
import { errorSummary } from './error-summary';
import { redactSecrets } from './redaction';
import { causeOfMessage, LINE_CAUSE, RepeatedLines, type LineCause } from './repeated-lines';

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
 * process ends, however it ends. Lines that repeat are counted: see RepeatedLines.
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
      hooks: { logMethod: logMethodFor(new RepeatedLines()), streamWrite: redactSecrets },
    },
    format === 'pretty' ? prettyStream(destination) : destination,
  );
}

function defaultFormat(): 'json' | 'pretty' {
  return process.stdout.isTTY && process.env['NODE_ENV'] !== 'production' ? 'pretty' : 'json';
}

type LogMethod = NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']>;

interface LineFields {
  context?: string;
  code?: string;
  err?: unknown;
  [LINE_CAUSE]?: LineCause;
}

function logMethodFor(repeated: RepeatedLines): LogMethod {
  return function (args, method, level) {
    const [first, ...rest] = args as [unknown, ...unknown[]];
    const fields: LineFields = typeof first === 'object' && first !== null ? first : {};
    const { context = '' } = fields;
    // A failed start is reported once, in words, by reportStartFailure.
    if (level === ERROR && START_CONTEXTS.has(context)) return;
    if (level === INFO && CHATTY_CONTEXTS.has(context)) this.debug(...args);
    else if (level < INFO) method.apply(this, args);
    else {
      const print = (held: number): void => {
        const counted =
          typeof first === 'string' ? [{ repeated: held }, ...args] : [withCount(first, held), ...rest];
        method.apply(this, counted as typeof args);
      };
      if (repeated.admits(causeOf(level, fields, args), print)) method.apply(this, args);
    }
  };
}

/** Errors about different things never count as one line, however many they are. */
function causeOf(level: number, fields: LineFields, args: unknown[]): LineCause {
  const given = fields[LINE_CAUSE];
  if (given) return level < ERROR ? given : { cause: given.cause };
  const { context = '', code = '' } = fields;
  const error = args[0] instanceof Error ? args[0] : fields.err;
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : '';
  const words = args.filter((arg) => typeof arg === 'string').join(' ');
  return { cause: causeOfMessage([level, context, code, reason, words].join('|')) };
}

function withCount(first: unknown, repeated: number): object {
  return first instanceof Error ? { err: first, repeated } : { ...(first as object), repeated };
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
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, '·');
}
