import type { Server } from '@grpc/grpc-js';
import { HttpClient, listen } from '@holdfast/http';
import type { RunningService, StartService } from '@holdfast/process';
import type { FastifyInstance } from 'fastify';

import { buildApp } from './app.ts';
import { readConfig } from './config.ts';
import type { TrusteeContext } from './context.ts';
import { buildGrpcServer, listenGrpc } from './grpc/server.ts';
import { openContext } from './open-context.ts';
import { buildAttestationApp } from './routes/attestation-api.ts';

const SWEEP_INTERVAL_MS = 60_000;

/** Starts the key broker. Everything the configuration names is read and checked before anything listens. */
export const startTrustee: StartService = async (host): Promise<RunningService> => {
  const config = readConfig(host);
  const client = new HttpClient();
  const apps: FastifyInstance[] = [];
  const grpcServers: Server[] = [];
  let context: TrusteeContext | undefined;
  let sweep: NodeJS.Timeout | undefined;
  const stop = async (): Promise<void> => {
    clearInterval(sweep);
    for (const server of grpcServers) server.forceShutdown();
    for (const app of apps) await app.close();
    context?.close();
    await client.close();
  };
  try {
    const opened = await openContext({ config, logger: host.logger, client, clock: Date.now });
    context = opened;
    if (config.holdfast.insecure || config.holdfast.allow_sample) {
      host.logger.warn({ environment: config.holdfast.environment }, 'the key broker runs with insecure settings');
    }
    const addresses: Record<string, string> = {};
    const open = async (app: FastifyInstance, socket: string, name: string): Promise<void> => {
      apps.push(app);
      addresses[name] = await listen(app, addressOf(socket));
    };
    const isApart = config.holdfast.admin_sockets.length > 0;
    for (const [at, socket] of config.http_server.sockets.entries()) {
      await open(buildApp(opened, isApart ? 'guests' : 'everyone'), socket, at === 0 ? 'http' : `http${at + 1}`);
    }
    for (const [at, socket] of config.holdfast.admin_sockets.entries()) {
      await open(buildApp(opened, 'administrators'), socket, at === 0 ? 'admin' : `admin${at + 1}`);
    }
    const { builtIn } = opened;
    for (const [at, socket] of config.holdfast.attestation_api_sockets.entries()) {
      if (builtIn === undefined) break; // refused by the configuration
      await open(buildAttestationApp(opened, builtIn), socket, at === 0 ? 'attestation' : `attestation${at + 1}`);
    }
    for (const [at, socket] of config.holdfast.attestation_grpc_sockets.entries()) {
      if (builtIn === undefined) break;
      const server = buildGrpcServer(opened, builtIn);
      grpcServers.push(server);
      addresses[at === 0 ? 'grpc' : `grpc${at + 1}`] = await listenGrpc(server, addressOf(socket), context.tls);
    }
    sweep = setInterval(() => void opened.sessions.sweep(), SWEEP_INTERVAL_MS);
    return { addresses, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

function addressOf(socket: string): { readonly host: string; readonly port: number } {
  const colon = socket.lastIndexOf(':');
  return { host: socket.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(socket.slice(colon + 1)) };
}
