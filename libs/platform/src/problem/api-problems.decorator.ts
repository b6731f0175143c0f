import type { Type } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { errorCatalogue, type ErrorCode } from '@rivulet/errors';
import { routesOf } from '../routes/routes-of';
import { errorStatus } from './error-status';
import { PROBLEM_MEDIA_TYPE, problemType, type Problem } from './problem';
import { ProblemDto } from './problem.dto';

/** The codes that a route's document has so far: Swagger merges neither contents nor a class with its methods. */
const documentedCodes = new WeakMap<object, Set<ErrorCode>>();

/**
 * Documents the problems that a route answers with: one response per status, with an example for each code. On a
 * class it counts for every route of it. May be repeated.
 */
export function ApiProblems(...codes: ErrorCode[]): MethodDecorator & ClassDecorator {
  return (target: object, property?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (property !== undefined && descriptor) document(target, property, descriptor, codes);
    else for (const [name, route] of routesOf(target as Type)) document(target, name, route, codes);
  };
}

function document(
  target: object,
  property: string | symbol,
  descriptor: PropertyDescriptor,
  codes: ErrorCode[],
): void {
  const method = descriptor.value as object;
  const before = documentedCodes.get(method) ?? new Set();
  const added = codes.filter((code) => !before.has(code));
  const all = [...before, ...added];
  documentedCodes.set(method, new Set(all));
  ApiExtraModels(ProblemDto)(target, property, descriptor);
  for (const status of new Set(added.map((code) => errorStatus[code]))) {
    const hasStatus = (code: ErrorCode): boolean => errorStatus[code] === status;
    // Swagger appends the new description to the one before and replaces the content, which has all examples.
    const response = {
      status,
      description: descriptionOf(added.filter(hasStatus)),
      content: contentOf(all.filter(hasStatus)),
    };
    ApiResponse(response)(target, property, descriptor);
  }
}

/** A response of an OpenAPI document, as far as problems concern it. */
export interface ProblemResponse {
  description: string;
  content?: Record<string, { schema?: object; examples?: Record<string, unknown> }>;
}

/** Adds problems to the responses of an operation that is described already. */
export function addProblems(responses: Record<string, ProblemResponse>, codes: readonly ErrorCode[]): void {
  for (const code of codes) {
    const response = (responses[errorStatus[code]] ??= { description: '' });
    const content = (response.content ??= {});
    const { examples, schema } = (content[PROBLEM_MEDIA_TYPE] ??= {});
    if (examples?.[code] !== undefined) continue;
    const added = contentOf([code])[PROBLEM_MEDIA_TYPE];
    content[PROBLEM_MEDIA_TYPE] = {
      schema: schema ?? added.schema,
      examples: { ...examples, ...added.examples },
    };
    response.description = [response.description, descriptionOf([code])].filter(Boolean).join('\n\n');
  }
}

function descriptionOf(codes: ErrorCode[]): string {
  return codes.map((code) => `\`${code}\`: ${errorCatalogue[code].meaning}`).join('\n\n');
}

function contentOf(codes: ErrorCode[]) {
  return {
    [PROBLEM_MEDIA_TYPE]: {
      schema: { $ref: getSchemaPath(ProblemDto) },
      examples: Object.fromEntries(
        codes.map((code) => [code, { summary: errorCatalogue[code].title, value: exampleOf(code) }]),
      ),
    },
  };
}

function exampleOf(code: ErrorCode): Problem {
  const { title, meaning, nextStep } = errorCatalogue[code];
  return {
    type: problemType(code),
    title,
    status: errorStatus[code],
    detail: meaning,
    code,
    nextStep,
    instance: '/api/…',
    requestId: '01K9ZV3S4QAGJ7B4N3W6T8X2MD',
    ...(code === 'REQUEST_INVALID' && {
      errors: [{ field: 'tables[2].checksum', reason: 'must be a string' }],
    }),
  };
}
