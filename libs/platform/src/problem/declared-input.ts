import type { Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum';
import { BodyShape, type DtoClass } from './body-shape';

/** The inputs that the parameters of a route's handler declare. */
export interface DeclaredInput {
  query: Set<string>;
  /** Undefined where it takes no body. `dto` is undefined where the type says nothing. */
  body?: { dto: DtoClass | undefined };
}

interface RouteArgument {
  index: number;
  data?: unknown;
}

/** Reads the decorators of a handler. A query or body that is read in another way counts as not declared. */
export function declaredInput(controller: Type, handlerName: string): DeclaredInput {
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handlerName) ?? {}) as Record<
    string,
    RouteArgument
  >;
  const types = (Reflect.getMetadata('design:paramtypes', controller.prototype as object, handlerName) ??
    []) as unknown[];
  const declared: DeclaredInput = { query: new Set() };
  for (const [key, { index, data }] of Object.entries(args)) {
    const kind = Number(key.split(':', 1)[0]) as RouteParamtypes;
    if (kind === RouteParamtypes.QUERY) {
      for (const name of queryNames(data, types[index])) declared.query.add(name);
    } else if (kind === RouteParamtypes.BODY || kind === RouteParamtypes.RAW_BODY) {
      const type = types[index] as DtoClass;
      declared.body = { dto: typeof data !== 'string' && dtoOf(type) ? type : undefined };
    }
  }
  return declared;
}

function queryNames(data: unknown, type: unknown): string[] {
  return typeof data === 'string' ? [data] : (dtoOf(type)?.names ?? []);
}

/** A class with rules of class-validator. */
function dtoOf(type: unknown): BodyShape | undefined {
  if (typeof type !== 'function') return undefined;
  const shape = BodyShape.of(type as DtoClass);
  return shape.names.length > 0 ? shape : undefined;
}
