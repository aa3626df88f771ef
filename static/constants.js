// The constants that these modules share with the server, which puts them into the page: chef/pages/constants.py.

export const constants = JSON.parse(document.getElementById("constants").textContent);
