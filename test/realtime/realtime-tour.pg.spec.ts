import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { WebSocket } from 'ws';
import { CentralInProcess } from '../support/central-in-process';

const page = readFileSync('docs/realtime.md', 'utf8');
const tour = page.slice(page.indexOf('## Five minutes'), page.indexOf('## Who is connected'));
const variables = Object.fromEntries(
  [...tour.matchAll(/(CENTRAL_\w+)=('[^']*'|\S+)/g)].map(([, name, value]) => [
    name!,
    value!.replaceAll("'", ''),
  ]),
);
const [, script] = /<script>([\s\S]*)<\/script>/.exec(
  readFileSync('examples/realtime/realtime.html', 'utf8'),
)!;

/** A browser opens the file, so the page has the origin `null`. */
class PageSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { origin: 'null' });
    this.on('error', () => undefined);
  }
}

class PageForm {
  onsubmit!: (event: { target: PageForm; preventDefault: () => void }) => void;
  text = { value: '' };
  fields: Record<string, string> = {};

  reset(): void {
    this.text.value = '';
  }

  submit(): void {
    this.onsubmit({ target: this, preventDefault: () => undefined });
  }
}

/** The fields of a form, as `FormData` lists them. */
class PageFields extends Map<string, string> {
  constructor({ fields }: PageForm) {
    super(Object.entries(fields));
  }
}

/** The page of the example in a tab: as much of a browser as its script uses. */
class Tab {
  readonly shown: string[] = [];
  isOpen = true;
  private readonly forms = { connect: new PageForm(), send: new PageForm() };
  readonly state = { textContent: '' };

  constructor() {
    const messages = {
      insertAdjacentElement: () => ({ append: (text: string) => void this.shown.push(text) }),
    };
    const elements: Record<string, unknown> = { ...this.forms, state: this.state, messages };
    runInNewContext(script!, {
      document: { getElementById: (id: string) => elements[id], createElement: () => ({}) },
      FormData: PageFields,
      WebSocket: PageSocket,
      // A page that is left does not come back.
      setTimeout: (work: () => void) => setTimeout(() => this.isOpen && work(), 20),
    });
  }

  async connect(url: string, token: string): Promise<void> {
    this.forms.connect.fields = { url, token, topic: 'user.notifications' };
    this.forms.connect.submit();
    await this.until(() => this.state.textContent === 'connected');
  }

  send(text: string): void {
    this.forms.send.text.value = text;
    this.forms.send.submit();
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await delay(5);
  }

  async shows(part: string): Promise<void> {
    await this.until(() => this.shown.some((text) => text.includes(part)));
  }
}

it('the tour of docs/realtime.md ends with two tabs that have what each other and a server send', async () => {
  expect(Object.keys(variables)).toHaveLength(5);
  const central = await CentralInProcess.start(variables);
  const [, command] = /^node (\S+make-token\.mjs \S+)$/m.exec(tour)!;
  const token = execFileSync(process.execPath, command!.split(' '), { env: variables }).toString().trim();
  const url = `${central.url.replace('http', 'ws')}/ws/sync`;
  const [one, two] = [new Tab(), new Tab()];
  await one.connect(url, token);
  await two.connect(url, token);
  one.send('from the other tab');
  await Promise.all([one, two].map((tab) => tab.shows('"text":"from the other tab"')));
  const [, path, body] = /-X POST http:\/\/localhost:8080(\S+) [\s\S]*?-d '([^']*)'/.exec(tour)!;
  expect((await central.call('POST', path!, JSON.parse(body!) as object))[0]).toBe(200);
  await Promise.all([one, two].map((tab) => tab.shows('"message":"Hello World"')));
  for (const tab of [one, two]) tab.isOpen = false;
  await central.stop();
  await one.until(() => one.state.textContent === 'waiting');
  expect([one, two].map(({ shown }) => shown.length)).toEqual([2, 2]);
});
