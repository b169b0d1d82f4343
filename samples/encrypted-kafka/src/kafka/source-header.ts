/** First byte of a text of up to 255 bytes in the type system of AMQP 1.0 (section 1.6.20). */
const AMQP_SHORT_STRING = 0xa1;

/**
 * The text of a header. Event Hubs hands application properties of AMQP producers to Kafka clients in AMQP's encoding, those
 * of Kafka producers as they were sent.
 */
export function headerText(value: Uint8Array): string {
  const isShortString = value[0] === AMQP_SHORT_STRING && value[1] === value.length - 2;
  return Buffer.from(isShortString ? value.subarray(2) : value).toString('utf8');
}
