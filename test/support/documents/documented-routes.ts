import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DocumentedCommand } from './documented-commands';

/** A route that a document describes without a command. */
export interface DocumentedRoute extends DocumentedCommand {
  /** An example of its answer, where there is one. */
  answer: unknown;
  /** Headers of the answer that it names. */
  answerHeaders: string[];
}

/** The routes below `#### METHOD /path`, with their examples. */
export function routesUnderHeadings(document: string): DocumentedRoute[] {
  const text = read(document);
  const sections = [...text.matchAll(/^#### ([A-Z]+) (\/\S*)\n([\s\S]*?)(?=^#{2,4} )/gm)];
  return sections.map(({ 1: method = '', 2: path = '', 3: section = '', index }) => {
    const [, base = ''] = [...text.slice(0, index).matchAll(/^Base URL: `([^`]+)`/gm)].at(-1) ?? [];
    const [, who] = /\*\*Authentication:\*\* Basic Auth \((\w+)/.exec(section) ?? [];
    const body = exampleAfter('Request', section);
    const answer = exampleAfter('Response', section);
    const query = [...section.matchAll(/^- `(\w+)` \(optional\)/gm)]
      .map(([, name]) => `${name}=60`)
      .join('&');
    return {
      text: `${method} ${path}`,
      method,
      url: new URL(query === '' ? path : `${path}?${query}`, base),
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }) },
      body,
      user: who && `${who}:`,
      answer: answer === undefined ? undefined : (JSON.parse(answer) as unknown),
      answerHeaders: [...section.matchAll(/^- `(\w+)`: /gm)].map(([, name]) => name!),
    };
  });
}

/** The routes in blocks of `METHOD /path`, headers and a body, below headings that name the port. */
export function routesInBlocks(document: string): DocumentedRoute[] {
  const text = read(document);
  const found = text.matchAll(/^# .+\n(GET|POST|PUT) (\/\S+)\n((?:[\w-]+: .+\n)*)\n?(\{[\s\S]*?^\})?/gm);
  return [...found].map(({ 1: method = '', 2: path = '', 3: head = '', 4: body, index }) => {
    const [, port = ''] = [...text.slice(0, index).matchAll(/^### .*\(Port (\d+)\)$/gm)].at(-1) ?? [];
    const headers = [...head.matchAll(/^([\w-]+): (.+)$/gm)].map(([, name, value]) => [
      name!.toLowerCase(),
      value!,
    ]);
    return {
      text: `${method} ${path}`,
      method,
      url: new URL(path, `http://localhost:${port}`),
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(Object.fromEntries(headers) as Record<string, string>),
      },
      body,
      user: undefined,
      answer: undefined,
      answerHeaders: [],
    };
  });
}

/** Fields of an example that an answer does not have, or has with another type. */
export function differences(example: unknown, answer: unknown, place: string): string[] {
  if (example === undefined) return [];
  if (typeof example !== 'object' || example === null)
    return typeof answer === typeof example ? [] : [`${place} is ${JSON.stringify(answer)}`];
  // Of a list one item: others may be of agents that say less.
  if (Array.isArray(example) && Array.isArray(answer)) {
    const found = answer.map((item) => differences(example[0], item, `${place}[]`));
    return found.toSorted((one, other) => one.length - other.length)[0] ?? [`${place} is empty`];
  }
  return Object.entries(example).flatMap(([name, value]) =>
    differences(value, (answer as Record<string, unknown>)[name], `${place}.${name}`),
  );
}

function exampleAfter(word: string, section: string): string | undefined {
  return new RegExp(`\\*\\*${word}:\\*\\*\\n\`\`\`json\\n([\\s\\S]*?)\`\`\``).exec(section)?.[1];
}

function read(document: string): string {
  return readFileSync(join(__dirname, '../../documents', document), 'utf8');
}
