import { equalSecretBytes, errorMessage, toUtf8 } from '@holdfast/base';
import { bearerKey, sendReason } from '@holdfast/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { OptOutContext } from '../context.ts';
import type { Production, ProductionState } from '../delta-production.ts';
import { produceDeltas } from '../production.ts';

const PATH = '/optout/deltaproduce';

/** `POST /optout/deltaproduce` starts a run in the background, `GET …/status` tells of the last one. */
export function addDeltaProduceRoutes(app: FastifyInstance, context: OptOutContext): void {
  app.post(
    PATH,
    internally(context, async (reply) => {
      try {
        await context.traffic.load();
      } catch (error) {
        context.events.productionFailed(error);
        return sendJson(reply, 500, { status: 'failed', error: errorMessage(error) });
      }
      if (context.deltas.state.state === 'running') {
        return sendJson(reply, 409, { status: 'conflict', reason: 'job already running on this pod' });
      }
      void produceDeltas(context); // logs its own end
      return sendJson(reply, 202, { status: 'accepted', message: 'job started' });
    }),
  );
  app.get(
    `${PATH}/status`,
    internally(context, async (reply) => sendJson(reply, 200, statusOf(context.deltas.state))),
  );
}

/** Lets only holders of the internal token in. */
function internally(context: OptOutContext, handle: (reply: FastifyReply) => Promise<FastifyReply>) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const expected = context.config.optout_internal_api_token;
    const given = bearerKey(request.headers.authorization) ?? '';
    if (expected === undefined || !equalSecretBytes(toUtf8(given), toUtf8(expected.reveal()))) {
      context.events.accessRefused(request.routeOptions.url ?? '', undefined, 'unrecognized_key');
      return sendReason(reply, 401);
    }
    return handle(reply);
  };
}

function statusOf(production: ProductionState): object {
  if (production.state === 'idle') return { status: 'idle', message: 'no job running on this pod' };
  const { state, startedAt } = production;
  const started = { state, start_time: new Date(startedAt).toISOString() };
  if (production.state === 'running') return started;
  const ended = {
    ...started,
    end_time: new Date(production.endedAt).toISOString(),
    duration_seconds: Math.floor((production.endedAt - startedAt) / 1000),
  };
  return production.state === 'failed'
    ? { ...ended, error: errorMessage(production.error) }
    : { ...ended, result: resultOf(production.production) };
}

function resultOf(production: Production): object {
  return {
    deltas_produced: production.files,
    entries_processed: production.records,
    dropped_request_files_produced: production.deniedFiles,
    dropped_requests_processed: production.deniedRecords,
    stop_reason: production.stopReason,
    status: outcomeOf(production),
  };
}

function outcomeOf({ stopReason, files, deniedFiles }: Production): 'success' | 'skipped' | 'halted' {
  if (stopReason === 'CIRCUIT_BREAKER_TRIGGERED' || stopReason === 'MANUAL_OVERRIDE_ACTIVE') return 'halted';
  return files + deniedFiles === 0 ? 'skipped' : 'success';
}

function sendJson(reply: FastifyReply, status: number, body: object): FastifyReply {
  return reply
    .code(status)
    .header('Content-Type', 'application/json')
    .send(Buffer.from(JSON.stringify(body)));
}
