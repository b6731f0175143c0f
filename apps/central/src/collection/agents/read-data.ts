import { RivuletError } from '@rivulet/errors';
import { patterns } from '@rivulet/protocol';

/** A column of an agent's rows. Without a type it has that of the target table. */
export interface AgentColumn {
  name: string;
  type: string | undefined;
}

/** One DATA message with rows of a job. */
export interface AgentRows {
  runId: string;
  attempt: number;
  /** From 1. */
  part: number;
  isLast: boolean;
  /** The columns of the first part. */
  columns: AgentColumn[] | undefined;
  rows: number;
  /** As COPY reads them, in the order of the agent's columns. */
  content: string;
}

const PARTS_MAX = 10_000;
const COLUMNS_MAX = 1_500;
const TYPE_MAX_LENGTH = 200;

/** The ID of a JOB message: the run, and which attempt of the agent it is. */
export function jobId(runId: string, attempt: number): string {
  return `${runId}.${attempt}`;
}

/** Undefined for the ID of any other message. */
export function readJobId(id: unknown): { runId: string; attempt: number } | undefined {
  if (typeof id !== 'string') return undefined;
  const [runId = '', attempt = '', ...rest] = id.split('.');
  if (rest.length > 0 || !patterns.ulid.test(runId) || !/^[1-9]\d{0,5}$/.test(attempt)) return undefined;
  return { runId, attempt: Number(attempt) };
}

/**
 * Reads `data` of a DATA message, which is JSON within the limits of the protocol.
 *
 * @throws RivuletError AGENT_DATA_REFUSED when it is not for a job · AGENT_MESSAGE_INVALID
 */
export function readData(data: Readonly<Record<string, unknown>>): AgentRows {
  const { job, part, last = false, columns, rows, ...others } = data;
  if (job === undefined)
    throw new RivuletError('AGENT_DATA_REFUSED', 'The data is for no job: data.job is missing.');
  const read = readJobId(job);
  if (read === undefined) throw invalid('data.job is not the ID of a JOB message');
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw invalid(`data has an unknown field ${JSON.stringify(unknown.slice(0, 40))}`);
  if (!Number.isInteger(part) || (part as number) < 1 || (part as number) > PARTS_MAX)
    throw invalid(`data.part is not a number from 1 to ${PARTS_MAX}`);
  if (typeof last !== 'boolean') throw invalid('data.last is not true or false');
  if (!Array.isArray(rows)) throw invalid('data.rows is not a list');
  const isFirst = part === 1;
  if (isFirst !== (columns !== undefined))
    throw invalid(isFirst ? 'data.columns is missing in part 1' : 'data.columns belongs into part 1 alone');
  return {
    ...read,
    part: part as number,
    isLast: last,
    columns: isFirst ? readColumns(columns) : undefined,
    rows: rows.length,
    content: rows
      .map((row, index) => copyLine(row, index, isFirst ? (columns as unknown[]).length : undefined))
      .join(''),
  };
}

function readColumns(columns: unknown): AgentColumn[] {
  if (!Array.isArray(columns) || columns.length === 0 || columns.length > COLUMNS_MAX)
    throw invalid(`data.columns is not a list of 1 to ${COLUMNS_MAX} columns`);
  return columns.map((column: unknown, index) => {
    const { name, type, ...others } = typeof column === 'string' ? { name: column } : asObject(column, index);
    if (typeof name !== 'string' || name === '' || Object.keys(others).length > 0)
      throw invalid(`data.columns[${index}] is not a name, or a name and a type`);
    if (type !== undefined && (typeof type !== 'string' || type.length > TYPE_MAX_LENGTH))
      throw invalid(`data.columns[${index}].type is not the name of a type`);
    return { name, type };
  });
}

function asObject(column: unknown, index: number): Record<string, unknown> & { type?: unknown } {
  if (typeof column === 'object' && column !== null && !Array.isArray(column)) return { ...column };
  throw invalid(`data.columns[${index}] is not a name, or a name and a type`);
}

/** A row as a line of COPY's text format. */
function copyLine(row: unknown, index: number, width: number | undefined): string {
  if (!Array.isArray(row) || row.length === 0) throw invalid(`data.rows[${index}] is not a list of values`);
  if (width !== undefined && row.length !== width)
    throw invalid(`data.rows[${index}] has ${row.length} values, and data.columns ${width}`);
  return `${row.map((value: unknown) => copyField(value, index)).join('\t')}\n`;
}

function copyField(value: unknown, index: number): string {
  if (value === null) return '\\N';
  if (typeof value === 'string') return escapeField(value);
  if (typeof value === 'object') return escapeField(JSON.stringify(value));
  if (typeof value === 'number') return copyNumber(value, index);
  return value === true ? 't' : 'f';
}

function copyNumber(value: number, index: number): string {
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    throw invalid(`data.rows[${index}] has the number ${value}, which JSON may change: send it as a text`);
  return Object.is(value, -0) ? '-0' : String(value);
}

const escapes: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function escapeField(text: string): string {
  if (!text.isWellFormed()) throw invalid('a text has half of a surrogate pair');
  return text.replace(/[\\\t\n\r]/g, (found) => escapes[found]!);
}

function invalid(reason: string): RivuletError {
  return new RivuletError('AGENT_MESSAGE_INVALID', `The rows are not valid: ${reason}.`);
}
