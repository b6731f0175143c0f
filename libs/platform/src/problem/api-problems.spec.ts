import { startFixture, type Fixture } from '../../test/fixture-app';
import type { Problem } from './problem';

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});

afterAll(() => fixture.app.close());

describe('the OpenAPI document', () => {
  interface Response {
    description: string;
    content: Record<string, { examples: Record<string, { value: Problem }> }>;
  }

  interface OpenApi {
    paths: Record<string, Record<string, { responses: Record<string, Response> }>>;
    components: { schemas: object };
    info: { version: string };
  }

  async function openApi(): Promise<OpenApi> {
    return (await fixture.app.inject('/api/docs-json')).json<OpenApi>();
  }

  it('has each problem of a route, of its class too, by status and with an example', async () => {
    const { paths, components } = await openApi();
    const { responses } = paths['/api/samples']!['post']!;
    const codes = Object.entries(responses)
      .filter(([status]) => Number(status) >= 400)
      .map(([status, { content }]) => [status, Object.keys(content['application/problem+json']!.examples)]);
    expect(codes).toEqual([
      ['400', ['MAC_ADDRESS_INVALID', 'REQUEST_INVALID']],
      ['401', ['DEVICE_UNIDENTIFIED']],
      ['404', ['DEVICE_UNKNOWN']],
      ['503', ['SERVER_BUSY', 'DATABASE_UNAVAILABLE']],
    ]);
    expect(responses['404']!.description.match(/DEVICE_UNKNOWN/g)).toHaveLength(1);
    expect(responses['503']!.description).toMatch(/`SERVER_BUSY`: [^]*`DATABASE_UNAVAILABLE`: /);
    expect(
      responses['404']!.content['application/problem+json']!.examples['DEVICE_UNKNOWN']!.value.status,
    ).toBe(404);
    expect(Object.keys(paths['/api/samples/slow']!['get']!.responses)).toEqual(['401', '503']);
    expect(components.schemas).toHaveProperty('ProblemDto');
  });

  it('has the routes outside the prefix, and the version of the package', async () => {
    const { paths, info } = await openApi();
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/health', '/health/ready', '/metrics']));
    expect(info.version).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('is where / leads, which is no operation of its own', async () => {
    const { statusCode, headers } = await fixture.app.inject('/');
    expect([statusCode, headers.location]).toEqual([302, '/api/docs']);
    expect((await openApi()).paths).not.toHaveProperty(['/']);
  });

  it('is shown by Swagger UI under a policy that lets it run', async () => {
    const page = await fixture.app.inject('/api/docs');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.body).not.toMatch(/<script>[^<]/);
    expect((await fixture.app.inject('/api/docs/swagger-ui-bundle.js')).statusCode).toBe(200);
    expect((await fixture.app.inject('/api/docs/swagger-ui-init.js')).statusCode).toBe(200);
  });
});
