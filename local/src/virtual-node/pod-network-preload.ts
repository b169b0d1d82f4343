import { Server, Socket } from 'node:net';

import { machinePort } from '../process/machine-port.ts';

/*
 * Loaded into every program of a pod before the program itself. A container has a network of its own, in which every wildcard
 * and every loopback address is the pod's; programs on this machine share one. So addresses are translated here: what listens
 * on any or on the local host listens on the pod's loopback address, and what connects to the local host connects to that.
 * Places in Azure that the local cloud stands for are reached by their public names and addresses, from the pod's own address.
 * Nothing measured changes for it: neither the program nor its arguments nor the variables that a policy knows.
 */

interface PodNetwork {
  /** The pod's address, from 127.0.0.0/8. */
  readonly address: string;
  /** Ports of 127.0.0.1 that stand for places outside of the pod: endpoints of its guest, and services of the local cloud. */
  readonly hostPorts: readonly number[];
  /** Places in Azure as `host:port`, a host may begin with `*.`; and the address here that stands for each. */
  readonly places: Readonly<Record<string, string>>;
  /** The lowest port that programs of this user may open; those of the pod below it are moved. */
  readonly openPorts: number;
}

interface Target {
  host?: string;
  port?: number | string;
  localAddress?: string;
}

interface Network {
  readonly own: string;
  readonly outside: ReadonlySet<number>;
  readonly places: Readonly<Record<string, string>>;
  readonly openPorts: number;
}

const ANY = new Set(['', '0.0.0.0', '::', '[::]', '*']);
const LOCAL = new Set(['localhost', '127.0.0.1', '::1', '[::1]']);

const settings = JSON.parse(process.env['HOLDFAST_POD_NETWORK'] ?? '{}') as Partial<PodNetwork>;
const { address, hostPorts, places = {}, openPorts = 0 } = settings;

if (address !== undefined) isolate({ own: address, outside: new Set(hostPorts), places, openPorts });

function isolate(network: Network): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with its receiver below
  const { listen } = Server.prototype;
  // oxlint-disable-next-line typescript/unbound-method -- called with its receiver below
  const { connect } = Socket.prototype;
  Server.prototype.listen = function (this: Server, ...given: unknown[]): Server {
    return Reflect.apply(listen, this, listenArguments(given, network)) as Server;
  } as typeof listen;
  Socket.prototype.connect = function (this: Socket, ...given: unknown[]): Socket {
    return Reflect.apply(connect, this, connectArguments(given, network)) as Socket;
  };
}

/** `listen(port, host?, …)` and `listen({port, host}, …)`; paths and handles are left alone. */
function listenArguments([first, ...rest]: readonly unknown[], { own, openPorts }: Network): unknown[] {
  if (typeof first === 'object' && first !== null && 'port' in first) {
    const { host = '', port = 0 } = first as Target;
    return [isOwn(host) ? { ...first, host: own, port: machinePort(Number(port), openPorts) } : first, ...rest];
  }
  const isPort = typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first));
  if (first !== undefined && typeof first !== 'function' && !isPort) return [first, ...rest];
  const port = isPort ? machinePort(Number(first), openPorts) : 0;
  const others = typeof first === 'function' ? [first, ...rest] : rest;
  const [host] = others;
  if (typeof host !== 'string') return [port, own, ...others];
  return [port, isOwn(host) ? own : host, ...others.slice(1)];
}

/** `connect(port, host?, …)`, `connect({port, host}, …)`, and the list of these that Node itself passes on. */
function connectArguments([first, ...rest]: readonly unknown[], network: Network): unknown[] {
  if (Array.isArray(first)) {
    // The list carries a mark of Node's, so it is changed and not copied.
    first[0] = redirected(first[0], network);
    return [first, ...rest];
  }
  if (typeof first === 'object' && first !== null) return [redirected(first, network), ...rest];
  const isPort = typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first));
  if (!isPort) return [first, ...rest];
  const [host, ...others] = typeof rest[0] === 'string' ? rest : ['localhost', ...rest];
  return [redirected({ port: first, host }, network), ...others];
}

function redirected(target: unknown, { own, outside, places, openPorts }: Network): unknown {
  if (typeof target !== 'object' || target === null) return target;
  const { host = 'localhost', port } = target as Target;
  // Without a port it is a local socket, by its path.
  if (port === undefined) return target;
  const place = placeOf(`${host}:${port}`.toLowerCase(), places);
  if (place !== undefined) {
    const at = place.lastIndexOf(':');
    // Whoever answers knows pods by their addresses, as the servers of a node do.
    return { ...target, host: place.slice(0, at), port: Number(place.slice(at + 1)), localAddress: own };
  }
  if (isOwn(host) && outside.has(Number(port))) return target;
  // Other pods and load balancers have loopback addresses, too, and their ports are moved as the pod's own are.
  const there = isOwn(host) ? own : host;
  return there.startsWith('127.') ? { ...target, host: there, port: machinePort(Number(port), openPorts) } : target;
}

/** `*.` stands for one name: that of a vault, for one. */
function placeOf(wanted: string, places: Network['places']): string | undefined {
  return places[wanted] ?? places[`*${wanted.slice(wanted.indexOf('.'))}`];
}

function isOwn(host: string): boolean {
  return ANY.has(host) || LOCAL.has(host.toLowerCase());
}
