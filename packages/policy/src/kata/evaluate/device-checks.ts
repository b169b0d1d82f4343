import type { CreateContext } from './context.ts';
import { type Check, type Mismatch, show } from './decision.ts';

const cdiPrefix = 'cdi.k8s.io/';

interface VfioPlan {
  /** Path of a device without its number. */
  readonly path: string;
  /** Device type of the policy. */
  readonly type: string;
  readonly count: number;
}

function vfioPlan({ container, policy }: CreateContext): VfioPlan {
  const path = policy.devices?.vfio.device_path ?? '/dev/vfio/devices/vfio';
  const planned = (container.devices ?? []).filter((device) => device.container_path === path);
  return { path, type: planned[0]?.type_ ?? '', count: planned.length };
}

/** Number behind a device path, undefined when it has none. */
function deviceNumber(plan: VfioPlan, path: string): string | undefined {
  const rest = path.startsWith(plan.path) ? path.slice(plan.path.length) : '';
  return /^[0-9]+$/u.test(rest) ? rest : undefined;
}

/** Numbers of the device annotations that the runtime adds, one per passed-through device. */
function annotatedNumbers({ request }: CreateContext): string[] {
  return Object.keys(request.OCI.Annotations)
    .filter((key) => key.startsWith(cdiPrefix))
    .map((key) => /[0-9]+$/u.exec(key)?.[0] ?? key);
}

function devices(context: CreateContext): Mismatch[] {
  const plan = vfioPlan(context);
  const known = (context.container.devices ?? []).map((device) => device.container_path);
  const requested = context.request.devices;
  const hotPlugged = requested.filter((device) => plan.count > 0 && device.container_path.startsWith(plan.path));
  const others = requested.filter((device) => !hotPlugged.includes(device) && !known.includes(device.container_path));
  return [
    ...others.map((device) => ({
      policy: known,
      request: device,
      message: `The device ${device.container_path} is not in the policy.`,
    })),
    ...vfioDevices(context, plan, hotPlugged),
  ];
}

function vfioDevices(
  context: CreateContext,
  plan: VfioPlan,
  hotPlugged: CreateContext['request']['devices'],
): Mismatch[] {
  const annotated = annotatedNumbers(context);
  const wrong = (message: string, request: unknown): Mismatch => ({ policy: plan.count, request, message });
  if (annotated.length !== plan.count) {
    return [
      wrong(
        `The policy has ${plan.count} passed-through devices, the request annotates ${annotated.length}.`,
        annotated,
      ),
    ];
  }
  // Devices that were there when the virtual machine started do not appear in the request; their annotations do.
  if (hotPlugged.length === 0) return [];
  if (hotPlugged.length !== plan.count) {
    return [
      wrong(`The policy has ${plan.count} passed-through devices, the request has ${hotPlugged.length}.`, hotPlugged),
    ];
  }
  const numbers = new Set<string>();
  for (const device of hotPlugged) {
    const number = deviceNumber(plan, device.container_path);
    if (number === undefined || device.type_ !== plan.type) {
      return [
        wrong(
          `The device ${device.container_path} of type ${show(device.type_)} is not one the policy foresees.`,
          device,
        ),
      ];
    }
    if (numbers.has(number)) return [wrong(`The device ${device.container_path} occurs twice.`, device)];
    if (!annotated.includes(number)) return [wrong(`The device ${device.container_path} has no annotation.`, device)];
    numbers.add(number);
  }
  return [];
}

/** Devices by their path, and passed-through devices with their annotations. Upstream only; the MS rules ignore the field. */
export const upstreamDeviceChecks: readonly Check<CreateContext>[] = [{ predicate: 'devices', check: devices }];
