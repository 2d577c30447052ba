/** Sources as limits count them: an IPv6 client may use any address of its /64 (RFC 8981). */

export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = groups.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const all = tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return `${all.slice(0, 4).join(":")}::/64`;
}
