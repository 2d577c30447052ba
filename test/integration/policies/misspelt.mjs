export function alow() {
  return true;
}
