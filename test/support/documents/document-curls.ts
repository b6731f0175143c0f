import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A call that a document shows as a `curl` command. */
export interface DocumentCall {
  method: string;
  /** Path and query; the host is the reader's. */
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** The `curl` commands in the shell blocks of a document, in its order. */
export function curlsOf(document: string): DocumentCall[] {
  const text = readFileSync(join(__dirname, '../../documents', document), 'utf8');
  const blocks = [...text.matchAll(/^```(?:bash|sh|shell)\n([\s\S]*?)^```/gm)].map((match) => match[1]!);
  const commands = blocks.flatMap((block) => [
    ...block.replaceAll('\\\n', ' ').matchAll(/^curl (?:'[^']*'|"[^"]*"|[^\n'"])+/gm),
  ]);
  return commands.map(([command]) => readCurl(command));
}

function readCurl(command: string): DocumentCall {
  const words = [...command.matchAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain!,
  );
  const call: DocumentCall = { method: '', path: '', headers: {}, body: undefined };
  for (let index = 1; index < words.length; index++) {
    const word = words[index]!;
    if (word === '-X' || word === '--request') call.method = words[++index]!;
    else if (word === '-H' || word === '--header') {
      const [name, ...value] = words[++index]!.split(':');
      call.headers[name!.trim().toLowerCase()] = value.join(':').trim();
    } else if (word === '-d' || word === '--data') call.body = words[++index]!;
    else if (/^https?:/.test(word)) {
      const { pathname, search } = new URL(word);
      call.path = pathname + search;
    } else throw new Error(`This test does not know the option ${word} of curl.`);
  }
  call.method ||= call.body === undefined ? 'GET' : 'POST';
  return call;
}
