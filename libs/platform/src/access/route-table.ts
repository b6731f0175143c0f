import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { FastifyInstance } from 'fastify';
import { AccessControl } from './access-control';
import { ruleIn } from './access.decorator';
import type { AccessRule } from './access-rule';

export interface RouteAccess {
  method: string;
  /** As Fastify has it: `/api/devices/:deviceId`. */
  path: string;
  rule: AccessRule;
}

/** Routes that no controller of ours declares: the pages of the API documents. */
const PUBLIC_PAGES = /^\/(api\/docs(-json)?(\/.*)?)?$/;

/** Every route of the running app with its rule, whoever registered it. */
@Injectable()
export class RouteTable {
  private readonly known: { method: string; path: string; rule: AccessRule | undefined }[] = [];

  constructor(private readonly access: AccessControl) {}

  /** Without HEAD, which is GET without the body, and has its rule. */
  get routes(): RouteAccess[] {
    return this.known.flatMap(({ method, path, rule }) =>
      rule === undefined || method === 'HEAD' ? [] : [{ method, path, rule }],
    );
  }

  /** @param path - as OpenAPI has it: `/api/devices/{deviceId}` */
  ruleOf(method: string, path: string): AccessRule | undefined {
    const pattern = path.replaceAll(/\{(\w+)\}/g, ':$1');
    return this.known.find((route) => route.method === method.toUpperCase() && route.path === pattern)?.rule;
  }

  /** To be called before the first route is registered. The app does not start if one of them has no rule. */
  watch(instance: FastifyInstance): void {
    instance.addHook('onRoute', ({ method, url, config }) => {
      const rule = ruleIn(config) ?? (PUBLIC_PAGES.test(url) ? 'public' : undefined);
      for (const one of [method].flat()) this.known.push({ method: one, path: url, rule });
    });
    instance.addHook('onReady', (done) => done(this.firstFault()));
  }

  private firstFault(): RivuletError | undefined {
    for (const { method, path, rule } of this.known) {
      if (rule === undefined) {
        return new RivuletError('ROUTE_WITHOUT_RULE', `${method} ${path} does not say who may call it.`);
      }
      if (!this.access.find(rule)) {
        const message = `${method} ${path} is for "${rule}", and nothing here can tell who that is.`;
        return new RivuletError('ROUTE_WITHOUT_RULE', message);
      }
    }
    return undefined;
  }
}
