import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A curl command of a document, as what it sends. */
export interface DocumentedCommand {
  text: string;
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: string | undefined;
  /** The value of `-u`. */
  user: string | undefined;
}

/** Every curl command of a document, in its order. */
export function curlCommands(document: string): DocumentedCommand[] {
  const text = readFileSync(join(__dirname, '../../documents', document), 'utf8').replaceAll('\\\n', ' ');
  const commands = [...text.matchAll(/(?:^|`)(curl [^\n`]+)/gm)].map((match) => match[1]!.trim());
  return commands.map(parse);
}

function parse(text: string): DocumentedCommand {
  const words = [...text.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    (match) => match[1] ?? match[2] ?? match[3]!,
  );
  const command = { text, method: 'GET', headers: {}, body: undefined, user: undefined } as Omit<
    DocumentedCommand,
    'url'
  >;
  let url = '';
  for (let at = 1; at < words.length; at++) {
    const word = words[at]!;
    if (word === '-X') command.method = words[++at]!;
    else if (word === '-u') command.user = words[++at]!;
    else if (word === '-d') command.body = words[++at]!;
    else if (word === '-H') {
      const [name, value] = words[++at]!.split(/:\s*/, 2) as [string, string];
      command.headers[name.toLowerCase()] = value;
    } else url = word;
  }
  return { ...command, url: new URL(url) };
}
