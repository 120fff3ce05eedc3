{let t="dark";try{localStorage.getItem("noctis-theme")==="light"&&(t="light")}catch{}document.documentElement.dataset.theme=t}
