import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { HttpStatus, type INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { AccessControl } from '../access/access-control';
import { RateLimits } from '../access/rate-limits';
import { RouteTable } from '../access/route-table';
import { ProblemDto } from '../problem/problem.dto';
import { describeAccess } from './open-api-access';

export interface OpenApiOptions {
  title: string;
  description: string;
}

/** Swagger UI at /api/docs, where / leads, and the document at /api/docs-json. It is built when it is first asked for. */
export function setUpOpenApi(app: INestApplication, { title, description }: OpenApiOptions): void {
  const config = new DocumentBuilder()
    .setTitle(title)
    .setDescription(description)
    .setVersion(appVersion())
    .build();
  const createDocument = (): OpenAPIObject => {
    const document = SwaggerModule.createDocument(app, config, {
      operationIdFactory: (_controller, method) => method,
      extraModels: [ProblemDto],
    });
    describeAccess(document, app.get(RouteTable), app.get(AccessControl), app.get(RateLimits));
    return document;
  };
  SwaggerModule.setup('api/docs', app, createDocument, {
    jsonDocumentUrl: 'api/docs-json',
    raw: ['json'],
    customSiteTitle: title,
  });
  const http = app.getHttpAdapter();
  http.get('/', (_request: unknown, response: unknown) =>
    http.redirect(response, HttpStatus.FOUND, '/api/docs'),
  );
}

/** The version in the package.json next to the code that runs. */
export function appVersion(): string {
  const file = findPackageJSON('..', __filename);
  const { version } = JSON.parse(file === undefined ? '{}' : readFileSync(file, 'utf8')) as {
    version?: string;
  };
  return version ?? '0.0.0';
}
