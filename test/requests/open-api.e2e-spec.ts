import { SyncPair } from '../support/apps/sync-pair';

interface Document {
  paths: Record<string, Record<string, { summary?: string; responses: Record<string, unknown> }>>;
  components: { schemas: Record<string, { properties?: Record<string, object> }> };
}

describe.each(['central', 'edge'] as const)('the OpenAPI document of %s', (app) => {
  let pair: SyncPair;
  let document: Document;

  beforeAll(async () => {
    pair = await SyncPair.start();
    document = (await (await fetch(`${pair[app].url}/api/docs-json`)).json()) as Document;
  });
  afterAll(() => pair.stop());

  it('has a summary and the answers to mistakes for every operation', () => {
    const bare = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations)
        .filter(([, { summary, responses }]) => summary === undefined || Object.keys(responses).length < 2)
        .map(([method]) => `${method} ${path}`),
    );
    expect(bare).toEqual(['get /metrics']);
  });

  it('describes every field, with an example or the values it can have', () => {
    const bare = Object.entries(document.components.schemas).flatMap(([schema, { properties = {} }]) =>
      Object.entries(properties)
        .filter(([, field]) => {
          const isExemplified = ['example', 'enum', 'default', 'items', 'allOf', '$ref'].some(
            (key) => key in field,
          );
          return !('description' in field) || !isExemplified;
        })
        .map(([name]) => `${schema}.${name}`),
    );
    expect(bare).toEqual([]);
  });

  it('is shown as a page, where / leads', async () => {
    const page = await fetch(`${pair[app].url}/`);
    expect(page.url).toBe(`${pair[app].url}/api/docs`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('swagger-ui');
  });
});
