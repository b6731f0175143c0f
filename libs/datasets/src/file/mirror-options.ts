import {
  DEFAULT_SCHEMA,
  isReservedSchema,
  NAME_MAX_BYTES,
  removals,
  TABLE_MAX_GRANTS,
  type TableSchema,
} from '@rivulet/protocol';
import { didYouMean, type FileProblems } from './file-problems';
import type { YamlNode } from './yaml-node';

/** The options of a dataset's mirror. */
export type MirrorOptions = Pick<TableSchema, 'schema' | 'grants' | 'onRemove' | 'maxDeletedShare'>;

export const MIRROR_FIELDS = ['schema', 'grants', 'onRemove', 'guard'] as const;
const GUARD_FIELDS = ['maxDeleted'] as const;

/** Adds invalid options to `problems` and uses their defaults instead. */
export function readMirrorOptions(
  fields: Partial<Record<(typeof MIRROR_FIELDS)[number], YamlNode>>,
  what: string,
  problems: FileProblems,
): MirrorOptions {
  const { schema, grants, onRemove, guard } = fields;
  const maxDeletedShare = guard && problems.attempt(() => readGuard(guard, what));
  return {
    schema: (schema && problems.attempt(() => readSchema(schema, what))) ?? DEFAULT_SCHEMA,
    grants: (grants && problems.attempt(() => readRoles(grants, what))) ?? [],
    onRemove: (onRemove && problems.attempt(() => readRemoval(onRemove, what))) ?? 'keep',
    ...(maxDeletedShare === undefined ? {} : { maxDeletedShare }),
  };
}

/** Picks the mirror options. */
export function mirrorOptionsOf({ schema, grants, onRemove, maxDeletedShare }: MirrorOptions): MirrorOptions {
  return { schema, grants, onRemove, ...(maxDeletedShare === undefined ? {} : { maxDeletedShare }) };
}

function readSchema(node: YamlNode, what: string): string {
  const name = readName(node, `the schema of ${what}`);
  if (!isReservedSchema(name)) return name;
  const owner = name === 'rivulet' ? 'Rivulet' : 'PostgreSQL';
  throw node.invalid(
    `the schema of ${what} is ${name}, which is reserved for ${owner}; choose a different one`,
  );
}

/** PUBLIC stands for everyone, NONE for nobody: neither can be created. */
const NO_ROLES = new Set(['public', 'none']);

function readRoles(node: YamlNode, what: string): string[] {
  const roles: string[] = [];
  for (const item of node.items(`grants of ${what}`)) {
    const role = readName(item, `a role in grants of ${what}`);
    if (NO_ROLES.has(role)) {
      throw item.invalid(
        `grants of ${what} names ${role}, which PostgreSQL does not allow as the name of a role; name the roles that ` +
          'read the table, or one that they are all members of',
      );
    }
    if (roles.includes(role)) throw item.invalid(`grants of ${what} names role ${role} twice`);
    roles.push(role);
  }
  if (roles.length <= TABLE_MAX_GRANTS) return roles;
  throw node.invalid(`grants of ${what} names ${roles.length} roles; it may name ${TABLE_MAX_GRANTS}`);
}

function readRemoval(node: YamlNode, what: string): MirrorOptions['onRemove'] {
  const { text } = node.text(`onRemove of ${what}`);
  const removal = removals.find((candidate) => candidate === text);
  if (removal !== undefined) return removal;
  throw node.invalid(`onRemove of ${what} must be keep or drop${didYouMean(text, removals)}`);
}

function readGuard(node: YamlNode, what: string): number {
  const { maxDeleted } = node.fields(`guard of ${what}`, GUARD_FIELDS);
  const share = required(node, maxDeleted, `guard of ${what} has no maxDeleted; add \`maxDeleted: 20%\``);
  const [, percent] = /^(\d{1,3}(?:\.\d{1,4})?)%$/.exec(share.written ?? '') ?? [];
  // 33.3 / 100 is not the number that is nearest to 0.333.
  const fraction = Number(`${percent}e-2`);
  if (fraction > 0 && fraction <= 1) return fraction;
  throw share.invalid(`maxDeleted of ${what} must be a percentage above 0%, at most 100%, such as 20%`);
}

/** Reads a name that PostgreSQL does not truncate. It may consist of blanks. */
export function readName(node: YamlNode, what: string): string {
  const { text } = node.anyText(what);
  if (text === '') throw node.invalid(`${what} is empty`);
  const bytes = Buffer.byteLength(text);
  if (bytes > NAME_MAX_BYTES) {
    throw node.invalid(`${what} has ${bytes} bytes; PostgreSQL allows ${NAME_MAX_BYTES} in a name`);
  }
  if (text.includes('\0'))
    throw node.invalid(`${what} contains a NUL character, which PostgreSQL does not allow in names`);
  return text;
}

export function required(parent: YamlNode, node: YamlNode | undefined, problem: string): YamlNode {
  if (node === undefined) throw parent.invalid(problem);
  return node;
}
