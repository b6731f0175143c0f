import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { FieldError } from '@rivulet/errors';
import type { FastifyRequest } from 'fastify';
import { unfitText } from './unfit-value';
import { BodyShape, type DtoClass } from './body-shape';
import { firstCheckOf } from './check-first';
import { declaredInput, type DeclaredInput } from './declared-input';
import { requestInvalid } from './request-invalid';

/**
 * Refuses what a route does not take, on every route and without its help: query parameters that it does not declare,
 * or that are repeated; a body where it takes none; none where it needs one; lists that are too long. A global guard
 * comes before those of routes and before validation, so that what is refused here costs next to nothing.
 */
export class DeclaredInputGuard implements CanActivate {
  private readonly known = new WeakMap<object, DeclaredInput>();

  /** @throws RivuletError REQUEST_INVALID, or what the body's CheckFirst throws */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const declared = this.declaredBy(context);
    const errors = queryErrors(request.query as Record<string, unknown>, declared.query);
    for (const [name, value] of Object.entries(request.params as Record<string, string>)) {
      const reason = unfitText(value);
      if (reason !== undefined) errors.push({ field: name, reason });
    }
    if (errors.length > 0) throw requestInvalid(errors);
    checkBody(request.body, declared.body);
    return true;
  }

  private declaredBy(context: ExecutionContext): DeclaredInput {
    const handler = context.getHandler();
    const known = this.known.get(handler) ?? declaredInput(context.getClass(), handler.name);
    this.known.set(handler, known);
    return known;
  }
}

function queryErrors(query: Record<string, unknown>, declared: Set<string>): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries(query)) {
    const field = name === '' ? 'query' : name.replaceAll('\0', '␀').slice(0, 64);
    if (!declared.has(name)) errors.push({ field, reason: 'is not a query parameter of this route' });
    else if (Array.isArray(value)) errors.push({ field, reason: 'must be given once' });
    else {
      const reason = unfitText(String(value));
      if (reason !== undefined) errors.push({ field, reason });
    }
    if (errors.length === MAX_QUERY_ERRORS) break;
  }
  return errors;
}

const MAX_QUERY_ERRORS = 10;

function checkBody(body: unknown, declared: DeclaredInput['body']): void {
  if (!declared) {
    if (body === undefined || isEmptyObject(body)) return;
    throw requestInvalid([{ field: 'body', reason: 'must be empty: this route takes none' }]);
  }
  if (!declared.dto) return;
  const shape = BodyShape.of(declared.dto);
  if (body === undefined && shape.isOptional) return;
  if (body === undefined) {
    throw requestInvalid([{ field: 'body', reason: 'is empty; this route needs a JSON object' }]);
  }
  checkFirst(declared.dto, body);
  const errors = shape.errorsOf(body);
  if (errors.length > 0) throw requestInvalid(errors);
}

function checkFirst(dto: DtoClass, body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return;
  firstCheckOf(dto)?.(body as Record<string, unknown>);
}

function isEmptyObject(body: unknown): boolean {
  return typeof body === 'object' && body !== null && !Array.isArray(body) && Object.keys(body).length === 0;
}
