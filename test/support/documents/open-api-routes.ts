import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RouteTable } from '@rivulet/platform';
import type { FuzzedRoute } from '../attacks/odd-inputs';

interface Schema {
  $ref?: string;
  allOf?: Schema[];
  oneOf?: Schema[];
  type?: string;
  example?: unknown;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  items?: Schema;
}

interface Document {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema?: Schema }> } }>>;
  components?: { schemas?: Record<string, Schema> };
}

/** Every route of a running app, with a body as its OpenAPI document describes it, and some that nobody has. */
export async function fuzzedRoutes(app: NestFastifyApplication): Promise<FuzzedRoute[]> {
  const document = (await app.inject('/api/docs-json')).json<Document>();
  const known = app.get(RouteTable).routes.filter(({ path }) => !path.startsWith('/api/docs/'));
  const routes = known.map(({ method, path }) => {
    const pattern = path.replaceAll(/:(\w+)/g, '{$1}');
    const content = document.paths[pattern]?.[method.toLowerCase()]?.requestBody?.content;
    const body = exampleOf(document, content?.['application/json']?.schema ?? {}, 0);
    const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
    return { route: `${method} ${path}`, body: isObject ? (body as Record<string, unknown>) : undefined };
  });
  return [...routes, { route: 'GET /api/{a}' }, { route: 'POST /{a}/{b}' }];
}

function exampleOf(document: Document, schema: Schema, depth: number): unknown {
  if (depth > 6) return null;
  if (schema.example !== undefined) return schema.example;
  const named = schema.$ref && document.components?.schemas?.[schema.$ref.split('/').at(-1)!];
  const one = named ?? schema.allOf?.[0] ?? schema.oneOf?.[0];
  if (one) return exampleOf(document, one, depth + 1);
  if (schema.enum) return schema.enum[0];
  if (schema.properties)
    return Object.fromEntries(
      Object.entries(schema.properties).map(([name, value]) => [name, exampleOf(document, value, depth + 1)]),
    );
  if (schema.items) return [exampleOf(document, schema.items, depth + 1)];
  if (schema.type === 'number' || schema.type === 'integer') return 1;
  if (schema.type === 'boolean') return true;
  return schema.type === 'object' ? {} : 'text';
}
