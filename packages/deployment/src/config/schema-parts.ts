import { z } from 'zod';

/** Text that is not empty. What characters a name may hold is a check of its own, so that it can say which character is wrong. */
export const name = (description: string): z.ZodString => z.string().min(1).describe(description);

export const uuid = (description: string): z.ZodString =>
  z
    .string()
    .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'is not a UUID such as 00000000-0000-0000-0000-000000000000')
    .describe(description);

export const cidr = (description: string): z.ZodString => z.string().min(1).describe(description);

export const count = (description: string, least: number, most: number): z.ZodInt =>
  z.int().min(least).max(most).describe(description);

/** Seconds, or a number with a unit: `90s`, `15m`, `24h`. */
export const duration = (description: string): z.ZodString =>
  z
    .string()
    .regex(/^[1-9]\d{0,5}(s|m|h)$/, 'is not a duration such as 90s, 15m or 24h')
    .describe(description);

export const tags = z
  .record(z.string().min(1).max(512), z.string().max(256))
  .default({})
  .describe('Tags of the resource group');

export const subscription = {
  subscriptionId: uuid('Subscription; the one of the credential when missing, and required to export').optional(),
  tenantId: uuid('Directory; read from the subscription when missing').optional(),
};

export const location = (fallback: string): z.ZodDefault<z.ZodString> =>
  z.string().min(1).default(fallback).describe('Region, in lower case without spaces');

export const resourceGroup = (fallback: string) =>
  z
    .strictObject({ name: name('Resource group').default(fallback), tags })
    .prefault({})
    .describe('The group everything goes to');

export const kubernetesVersion = z
  .string()
  .min(1)
  .default('auto')
  .describe(
    'Minor version such as "1.34", in quotes, or auto: the newest one that the region offers and the virtual node supports',
  );

export const connectedNetworks = z
  .array(z.strictObject({ name: name('What it is'), cidr: cidr('Its address range') }))
  .default([])
  .describe('Networks that are or will be peered or connected, on premises too; no range may overlap with them');

type Text = z.ZodDefault<z.ZodString>;

/** A network or subnet: what it is called, and its range. */
export const namedRange = (called: Text, range: Text) => z.strictObject({ name: called, cidr: range }).prefault({});

export const publicIp = (description: string, fallback: string) =>
  z.strictObject({ name: name(description).default(fallback) }).prefault({});

export const natGateway = (description: string, fallback: string) =>
  z
    .strictObject({
      name: name(description).default(fallback),
      idleTimeoutMinutes: count('Minutes until an idle connection is dropped', 4, 120).default(4),
    })
    .prefault({});

/** An identity that a service account of the cluster may act as. */
export const federatedIdentity = (description: string, fallback: string, credential: string) =>
  z
    .strictObject({
      name: name(description).default(fallback),
      federatedCredential: name('Its federated credential').default(credential),
    })
    .prefault({});

/** What becomes of a vault that is deleted. */
export const vaultRecovery = (purgeProtection = 'A deleted vault cannot be purged') => ({
  purgeProtection: z.boolean().default(true).describe(purgeProtection),
  retentionDays: count('Days that a deleted vault can be recovered', 7, 90).default(90),
});

export const sha256 = (description: string): z.ZodString =>
  z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in 64 lower-case hexadecimal digits')
    .describe(description);
