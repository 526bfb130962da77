// Signs in with a token that came behind the # of the address, which browsers keep to themselves.

const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  history.replaceState(null, "", "/");
  const field = document.getElementById("token");
  field.value = given;
  document.getElementById("form").submit();
}
