import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { TcpRelay } from '@rivulet/testing';
import { WebSocket } from 'ws';
import { CentralInProcess } from '../support/apps/central-in-process';
import { Chromium, hasChromium } from '../support/apps/chromium';
import { ADMIN_PASSWORD } from '../support/clients/operator';

const page = readFileSync('docs/realtime.md', 'utf8');
const tour = page.slice(page.indexOf('## Five minutes'), page.indexOf('## Who is connected'));
const variables = Object.fromEntries(
  [...tour.matchAll(/(CENTRAL_\w+)=('[^']*'|\S+)/g)].map(([, name, value]) => [
    name!,
    value!.replaceAll("'", ''),
  ]),
);
const html = readFileSync('examples/realtime/realtime.html', 'utf8');
const [, script] = /<script>([\s\S]*)<\/script>/.exec(html)!;

/** A browser opens the file, so the page has one of these origins. Where central is, is what the tour calls localhost:8080. */
class PageSocket extends WebSocket {
  static central: string;
  private static made = 0;

  constructor(url: string, protocols: string[]) {
    const origin = PageSocket.made++ % 2 === 0 ? 'null' : 'file://';
    super(url.replace('ws://localhost:8080', PageSocket.central), protocols, { origin });
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
  private readonly disconnect = { onclick: (): void => undefined };
  readonly state = { textContent: '' };

  constructor(private readonly token: string) {
    const messages = {
      insertAdjacentElement: () => ({ append: (text: string) => void this.shown.push(text) }),
    };
    const { disconnect, state } = this;
    const elements: Record<string, unknown> = { ...this.forms, disconnect, state, messages };
    runInNewContext(script!, {
      document: { getElementById: (id: string) => elements[id], createElement: () => ({}) },
      FormData: PageFields,
      WebSocket: PageSocket,
      // A page that is left does not come back.
      setTimeout: (work: () => void) => setTimeout(() => this.isOpen && work(), 20),
      clearTimeout,
    });
  }

  async pressConnect(): Promise<void> {
    const [url, topic] = ['url', 'topic'].map(
      (name) => new RegExp(`name="${name}" value="(.*)"`).exec(html)![1]!,
    );
    this.forms.connect.fields = { url: url!, token: this.token, topic: topic! };
    this.forms.connect.submit();
    await this.isConnected();
  }

  pressDisconnect(): void {
    this.disconnect.onclick();
  }

  async isConnected(): Promise<void> {
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

/** As the call of the tour does, with a number so that it is known. */
async function publish(central: CentralInProcess, number = 0): Promise<void> {
  const [, path, body] = /-X POST http:\/\/localhost:8080(\S+) [\s\S]*?-d '([^']*)'/.exec(tour)!;
  const { topic, data } = JSON.parse(body!) as { topic: string; data: object };
  const message = { topic, data: { ...data, number } };
  const [status] = await central.call('POST', path!, message);
  expect(status).toBe(200);
}

/** What the tour has the reader make. */
function makeToken(): string {
  const [, command] = /^node (\S+make-token\.mjs \S+)$/m.exec(tour)!;
  return execFileSync(process.execPath, command!.split(' '), { env: variables }).toString().trim();
}

/** What is there after the restart of the tour. */
let later: CentralInProcess;

beforeAll(async () => {
  later = await CentralInProcess.start(variables);
});
afterAll(() => later?.stop());

it('the tour of docs/realtime.md ends with two tabs that have what each other and a server send', async () => {
  expect(Object.keys(variables)).toHaveLength(5);
  const central = await CentralInProcess.join(later, variables);
  PageSocket.central = central.url.replace('http', 'ws');
  const token = makeToken();
  const [one, two] = [new Tab(token), new Tab(token)];
  await one.pressConnect();
  await two.pressConnect();
  one.send('from the other tab');
  await Promise.all([one, two].map((tab) => tab.shows('"text":"from the other tab"')));
  await publish(central);
  await Promise.all([one, two].map((tab) => tab.shows('"message":"Hello World"')));
  one.pressDisconnect();
  await publish(central, 1);
  await two.shows('"number":1');
  expect(one.shown).toHaveLength(2);
  await one.pressConnect();
  await one.shows('"number":1');
  PageSocket.central = later.url.replace('http', 'ws');
  await central.stop();
  await publish(later, 2);
  await Promise.all([one, two].map((tab) => tab.shows('"number":2')));
  for (const tab of [one, two]) {
    expect(tab.state.textContent).toBe('connected');
    expect(tab.shown.map((text) => /^user\.notifications (\d+):/.exec(text)?.[1])).toEqual([
      '1',
      '2',
      '3',
      '4',
    ]);
    tab.isOpen = false;
    tab.pressDisconnect();
  }
});

const describeWithBrowser =
  spawnSync('curl', ['--version']).status === 0 && hasChromium('the tour of docs/realtime.md in a browser')
    ? describe
    : describe.skip;

describeWithBrowser('in a browser (skipped without chromium or curl)', () => {
  let relay: TcpRelay;
  let browser: Chromium;

  beforeAll(async () => {
    relay = await TcpRelay.start(later.url);
    browser = new Chromium();
  });
  afterAll(async () => {
    await browser?.stop();
    await relay?.stop();
  });

  it('the tour ends with the same, and nothing is lost where the connection is', async () => {
    const address = pathToFileURL('examples/realtime/realtime.html').href;
    const tabs = await Promise.all([browser.open(address), browser.open(address)]);
    const url = `${relay.through(later.url.replace('http', 'ws'))}ws/sync`;
    const fields = JSON.stringify({ url, token: makeToken() });
    const each = (expression: string): Promise<void[]> =>
      Promise.all(tabs.map((tab) => tab.until(expression)));
    for (const tab of tabs) {
      await tab.evaluate(`Math.random = () => 0;
        for (const [name, value] of Object.entries(${fields})) byId('connect').elements[name].value = value;
        byId('connect').requestSubmit()`);
    }
    await each(isThere('connected'));
    await tabs[0].evaluate(`byId('send').text.value = 'from the other tab'; byId('send').requestSubmit()`);
    await each(`byId('messages').children.length === 1`);

    relay.refusesNew = true;
    relay.cut('reset');
    await each(isThere('waiting'));
    await publishByCurl();
    relay.refusesNew = false;
    await publishByCurl();
    await each(`byId('messages').children.length === 3 && ${isThere('connected')}`);

    const [one, two] = await Promise.all(
      tabs.map((tab) => tab.evaluate<string>(`byId('messages').innerText`)),
    );
    const positions = [...one!.matchAll(/^user\.notifications (\d+): /gm)].map(([, position]) =>
      Number(position),
    );
    expect(positions).toEqual([2, 1, 0].map((after) => positions.at(-1)! + after));
    expect(one).toMatch(/^.*"Hello World".*\n.*"Hello World".*\n.*"from the other tab"/);
    expect(two).toBe(one);
  });
});

/** Of JavaScript in the page. */
function isThere(state: string): string {
  return `byId('state').textContent === '${state}'`;
}

/** The tour's own command, as its reader runs it. */
async function publishByCurl(): Promise<void> {
  const command = /^curl [\s\S]*?\}'$/m.exec(tour)![0].replace('http://localhost:8080', later.url);
  const { stdout } = await promisify(execFile)('bash', ['-c', command], {
    env: { ...process.env, PASSWORD: ADMIN_PASSWORD },
  });
  expect(JSON.parse(stdout)).toMatchObject({ status: 'published' });
}
